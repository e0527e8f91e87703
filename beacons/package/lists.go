package pkg

import (
	"bufio"
	"io"
	"strings"
)

// Bounds of a list.
const (
	maxPackages = 100_000
	maxLine     = 1 << 20 // bytes; a longer one ends the list
)

// entry is one installed package.
type entry struct{ name, arch, version string }

// stanzas calls f for each group of lines that an empty one ends, with the values of the fields that are wanted.
func stanzas(r io.Reader, wanted []string, f func(map[string]string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	fields := map[string]string{}
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			f(fields)
			clear(fields)
			continue
		}
		for _, w := range wanted {
			if value, ok := strings.CutPrefix(line, w+":"); ok {
				fields[w] = strings.TrimSpace(value)
			}
		}
	}
	if len(fields) > 0 {
		f(fields)
	}
	return lines.Err()
}

// parseDpkg reads /var/lib/dpkg/status: see deb-control(5) and dpkg-query(1). A package of which only the configuration is left is not installed.
func parseDpkg(r io.Reader) (list []entry, err error) {
	err = stanzas(r, []string{"Package", "Status", "Version", "Architecture"}, func(f map[string]string) {
		words := strings.Fields(f["Status"])
		if len(words) == 3 && words[2] != "not-installed" && words[2] != "config-files" {
			list = add(list, entry{f["Package"], f["Architecture"], f["Version"]})
		}
	})
	return list, err
}

// parseAPK reads /lib/apk/db/installed.
func parseAPK(r io.Reader) (list []entry, err error) {
	err = stanzas(r, []string{"P", "V", "A"}, func(f map[string]string) { list = add(list, entry{f["P"], f["A"], f["V"]}) })
	return list, err
}

func add(list []entry, e entry) []entry {
	if plain(e.name) && plain(e.arch) && plain(e.version) && len(list) < maxPackages {
		list = append(list, e)
	}
	return list
}

// plain reports whether a text may stand in a tag and in a key: names, versions and architectures are made of these.
func plain(s string) bool {
	const most = 255
	return s != "" && len(s) <= most && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+-._~:@", r)
	}) < 0
}
