package watch

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Processes as /proc shows them: what is missing or cut off is unknown, and never root.
func TestReadProcess(t *testing.T) {
	stat := "7 (a ) b) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5555 1 1"
	full := map[string]string{"7/stat": stat, "7/cmdline": "sh\x00-c\x00x\xff\x00", "7/status": "Name:\tx\nUid:\t0\t33\t0\t0\n", "7/loginuid": "1000", "7/sessionid": "4294967295",
		"3/stat": "3 (sudo) S 1 3 3 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5 1 1"}
	for _, c := range []struct {
		name   string
		change map[string]string
		check  func(p *process) bool
	}{
		{"all there", nil, func(p *process) bool {
			return *p.exe == "/bin/sh" && *p.cmdline == "sh -c x\uFFFD" && *p.uid == 33 && *p.login == 1000 && p.session == nil && p.start == 5555 && p.ppid == 3 &&
				strings.Join(p.parents, " ") == "sudo"
		}},
		{"nobody logged in", map[string]string{"7/loginuid": "4294967295"}, func(p *process) bool { return p.login == nil }},
		{"no audit in the kernel", map[string]string{"7/loginuid": "", "7/sessionid": ""}, func(p *process) bool { return p.login == nil && p.session == nil }},
		{"status cut off", map[string]string{"7/status": "Name:\tx\nUid:\t0"}, func(p *process) bool { return p.uid == nil }},
		{"no status", map[string]string{"7/status": ""}, func(p *process) bool { return p.uid == nil }},
		{"stat cut off", map[string]string{"7/stat": stat[:20]}, func(p *process) bool { return p == nil }},
		{"a kernel thread", map[string]string{"7/cmdline": ""}, func(p *process) bool { return p.cmdline == nil }},
		{"a long command line", map[string]string{"7/cmdline": strings.Repeat("x", 5000)}, func(p *process) bool { return len(*p.cmdline) == maxCmdline }},
	} {
		root := t.TempDir()
		files := map[string]string{}
		for k, v := range full {
			files[k] = v
		}
		for k, v := range c.change {
			files[k] = v
		}
		for name, text := range files {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
			if text != "" {
				put(t, filepath.Join(root, name), text)
			}
		}
		must(t, os.Symlink("/bin/sh", filepath.Join(root, "7/exe")))
		p, err := readProcess(root, 7)
		if err == nil {
			p.ancestors(root)
		}
		if !c.check(p) {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
	}
	if _, err := readProcess(t.TempDir(), 7); err == nil {
		t.Error("a process that is not there was read")
	}
}

func TestPackageManagers(t *testing.T) {
	for _, c := range []struct{ exe, cmdline, manager, pkg string }{
		{"/usr/bin/dpkg", "dpkg -i ./motd_1.0-1_all.deb", "dpkg", "motd"},
		{"/usr/bin/dpkg", "/usr/bin/dpkg --unpack --auto-deconfigure a_1_all.deb b_1_all.deb", "dpkg", ""},
		{"/usr/bin/dash", "/bin/sh /var/lib/dpkg/info/libc6:amd64.postinst configure 2.36", "", "libc6"},
		{"/usr/bin/rpm", "rpm -Uvh nginx-core-1.22.1-3.el9.x86_64.rpm", "rpm", "nginx-core"},
		{"/usr/bin/python3.11", "/usr/bin/python3 /usr/bin/dnf install nginx", "dnf", ""},
		{"/usr/bin/vim", "vim /usr/bin/dpkg", "", ""},
		{"/usr/bin/cp", "cp motd_1_all.deb /srv", "", ""},
		{"/usr/bin/dpkg (deleted)", "dpkg --configure -a", "dpkg", ""},
		{"/usr/bin/dpkg", ("dpkg -i a_1_all.deb " + strings.Repeat("x", maxCmdline))[:maxCmdline], "dpkg", ""}, // there were more
	} {
		var p process
		p.recognise(7, &c.exe, &c.cmdline)
		if p.manager != c.manager || p.pkg != c.pkg {
			t.Errorf("%s: manager %q, package %q; want %q, %q", c.cmdline, p.manager, p.pkg, c.manager, c.pkg)
		}
	}
}

// Whatever the kernel might send, no event is read past its end.
func FuzzFanEvents(f *testing.F) {
	f.Add(fanEventBytes(unix.FAN_MODIFY, 7, "f"))
	f.Add(append(fanEventBytes(unix.FAN_OPEN, 7, "a"), fanEventBytes(unix.FAN_Q_OVERFLOW, 0, "")...))
	f.Add(fanEventBytes(unix.FAN_MODIFY, 7, "f")[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		if err := parseFanEvents(b, func(fanEvent) { n++ }); err == nil && n > len(b)/fanHeader {
			t.Errorf("%d events in %d bytes", n, len(b))
		}
	})
}

func TestParseFanEvents(t *testing.T) {
	var got []fanEvent
	b := append(fanEventBytes(unix.FAN_MODIFY, 7, "name"), fanEventBytes(unix.FAN_ATTRIB, 8, ".")...)
	must(t, parseFanEvents(b, func(e fanEvent) { got = append(got, e) }))
	if len(got) != 2 || got[0].name != "name" || got[0].pid != 7 || got[0].pidfd != unix.FAN_NOPIDFD || got[1].name != "." || got[1].mask != unix.FAN_ATTRIB || got[0].dir != got[1].dir {
		t.Errorf("%+v", got)
	}
}

// fanEventBytes is an event as fanotify(7) lays it out, with a folder's handle and no process descriptor.
func fanEventBytes(mask uint64, pid int32, name string) []byte {
	info := []byte{unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 0, 0, 0}
	info = append(info, "fsid fsi"...)
	info = binary.NativeEndian.AppendUint32(info, 4)
	info = binary.NativeEndian.AppendUint32(info, 1)
	info = append(append(append(info, "hand"...), name...), 0)
	binary.NativeEndian.PutUint16(info[2:], uint16(len(info)))
	pidfd := []byte{unix.FAN_EVENT_INFO_TYPE_PIDFD, 0, 8, 0, 0xff, 0xff, 0xff, 0xff}
	b := binary.NativeEndian.AppendUint32(nil, uint32(fanHeader+len(info)+len(pidfd)))
	b = append(b, unix.FANOTIFY_METADATA_VERSION, 0, fanHeader, 0)
	b = binary.NativeEndian.AppendUint64(b, mask)
	b = binary.NativeEndian.AppendUint32(b, 0xffffffff)
	b = binary.NativeEndian.AppendUint32(b, uint32(pid))
	return append(append(b, info...), pidfd...)
}

// The memory is bounded: what was set longest ago makes room.
func TestRecent(t *testing.T) {
	r := newRecent[int, string](2)
	for _, k := range []int{1, 2, 1, 3} {
		r.set(k, "x")
	}
	_, one := r.get(1)
	_, two := r.get(2)
	_, three := r.get(3)
	if !one || two || !three || r.order.Len() != 2 || len(r.byKey) != 2 {
		t.Errorf("1 %v, 2 %v, 3 %v", one, two, three)
	}
}
