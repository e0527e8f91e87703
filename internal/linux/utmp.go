package linux

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"strings"
	"time"
	"unicode"
)

// The kinds of records that are of use: ut_type of utmp(5).
const (
	LoginBoot  = 2
	LoginBegun = 7 // USER_PROCESS; in btmp, with 6 (LOGIN_PROCESS), a failed login
	LoginEnded = 8 // DEAD_PROCESS
)

// LoginRecord is one record of /var/log/wtmp or btmp. Texts are what somebody outside has sent: they are made printable.
type LoginRecord struct {
	Kind int
	PID  int
	Line string // the terminal: pts/0; of some programs another word, such as ssh:notty
	User string
	Host string     // as the program that took the login wrote it: a name, an address
	Addr netip.Addr // not valid: not told
	Time time.Time
}

// LoginRecordSize is the size of a record, in bytes: struct utmp of glibc.
func LoginRecordSize() int {
	if wideLogins() {
		return 400
	}
	return 384
}

// wideLogins reports whether the record holds a session and a time of 64 bits each (__WORDSIZE_TIME64_COMPAT32 is 0).
func wideLogins() bool { return runtime.GOARCH == "arm64" || runtime.GOARCH == "loong64" }

// ParseLogin reads one record. It reports false when there are not enough bytes.
func ParseLogin(b []byte) (r LoginRecord, ok bool) {
	const line, user, host, rest = 8, 44, 76, 336 // offsets; 32, 32 and 256 bytes
	if len(b) < LoginRecordSize() {
		return r, false
	}
	r = LoginRecord{
		Kind: int(int16(binary.NativeEndian.Uint16(b))),
		PID:  int(int32(binary.NativeEndian.Uint32(b[4:]))),
		Line: printable(b[line : line+32]), User: printable(b[user : user+32]), Host: printable(b[host : host+256]),
	}
	addr := b[rest+12 : rest+28]
	if wideLogins() {
		addr = b[rest+24 : rest+40]
		r.Time = time.Unix(int64(binary.NativeEndian.Uint64(b[rest+8:])), 0)
	} else {
		r.Time = time.Unix(int64(binary.NativeEndian.Uint32(b[rest+4:])), int64(binary.NativeEndian.Uint32(b[rest+8:])%1e6)*1000)
	}
	switch a := netip.AddrFrom16([16]byte(addr)); {
	case a == netip.IPv6Unspecified():
	case string(addr[4:]) == string(make([]byte, 12)):
		r.Addr = netip.AddrFrom4([4]byte(addr[:4]))
	default:
		r.Addr = a.Unmap()
	}
	if !r.Addr.IsValid() {
		if a, err := netip.ParseAddr(r.Host); err == nil {
			r.Addr = a.Unmap().WithZone("")
		}
	}
	return r, true
}

// printable is the text up to the first NUL, with a '?' for whatever is none.
func printable(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
