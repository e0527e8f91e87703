package watch

import (
	"bytes"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	// dpkgAdmin is where dpkg keeps what it knows, unless its arguments say otherwise.
	dpkgAdmin = "/var/lib/dpkg"
	// maxNotes bounds the notes of dpkg's that are looked through: it folds 250 of them into one file. maxNote is how much is read of one, in
	// bytes: the package's name comes first.
	maxNotes = 512
	maxNote  = 1024
)

// adminOf is where a dpkg with these arguments keeps what it knows, for its own root.
func adminOf(args []string) string {
	admin := dpkgAdmin
	for i, a := range args {
		name, value, given := strings.Cut(a, "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--admindir":
			return value
		case "--root":
			admin = path.Join(value, dpkgAdmin)
		}
	}
	return admin
}

// dpkgAt names the package that a dpkg works on at this moment; empty: not known. Before it unpacks or configures one, dpkg notes that in a
// file of its own below updates/, the names of which are numbers that count up; and while it unpacks, the package's control file lies in tmp.ci.
func dpkgAt(admin string) string {
	if latest := latestNote(path.Join(admin, "updates")); latest != "" {
		if name := packageField(latest); name != "" {
			return name
		}
	}
	return packageField(path.Join(admin, "tmp.ci", "control"))
}

// latestNote is the path of the note with the highest number.
func latestNote(dir string) string {
	d, err := os.Open(dir)
	if err != nil {
		return ""
	}
	defer d.Close()
	names, err := d.Readdirnames(maxNotes)
	if err != nil && err != io.EOF {
		return ""
	}
	names = slices.DeleteFunc(names, func(n string) bool { // tmp.i is one in the making
		_, err := strconv.ParseUint(n, 10, 32)
		return err != nil
	})
	if len(names) == 0 {
		return ""
	}
	return path.Join(dir, slices.MaxFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	}))
}

// packageField takes the field Package of a file in the format of deb-control(5).
func packageField(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, maxNote)
	n, _ := io.ReadFull(f, b)
	return parsePackage(b[:n], n == maxNote)
}

// parsePackage reads the field in the first bytes of a file; cut: there is more.
func parsePackage(b []byte, cut bool) string {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("Package:"))
		if !ok || cut && !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		name := string(bytes.TrimSpace(rest))
		if strings.Trim(name, packageLetters) == "" {
			return name
		}
	}
	return ""
}

// packageLetters are those that names of packages are made of (Debian Policy 5.6.1), and upper case, which others take.
const packageLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._"
