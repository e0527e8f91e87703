package linux

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Users are the names of /etc/passwd below root, by number; empty when it cannot be read.
func Users(root string) map[int]string {
	users := map[int]string{}
	f, err := os.Open(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return users
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 3 {
			continue
		}
		if uid, err := strconv.Atoi(fields[2]); err == nil {
			if _, had := users[uid]; !had {
				users[uid] = fields[0]
			}
		}
	}
	return users
}
