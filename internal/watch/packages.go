package watch

import (
	"path"
	"strconv"
	"strings"
)

// isManager knows the programs that change files in the name of a package, as the kernel names them: by at most 15 bytes.
func isManager(name string) bool {
	switch name {
	case dpkg, "apt", "apt-get", "aptitude", "unattended-upgr", "rpm", "dnf", "dnf5", "yum", "microdnf", "zypper", "pacman", "apk", "snapd":
		return true
	}
	return false
}

// dpkgScripts is where dpkg keeps the scripts that packages bring.
const dpkgScripts = "/var/lib/dpkg/info/"

// recognise notes the nearest package manager among a process and its ancestors, of which pid is one, and the package where one command
// line names exactly one; where that is not so of dpkg, where it keeps what it knows.
func (p *process) recognise(pid int32, exe, cmdline *string) {
	var args []string
	whole := true
	if cmdline != nil {
		args, whole = strings.Fields(*cmdline), len(*cmdline) < maxCmdline
	}
	name := managerName(exe, args)
	if p.manager == "" {
		p.manager = name
	}
	if p.pkg == "" && whole {
		p.pkg = packageOf(args, name != "")
	}
	if name == dpkg && p.admin == "" {
		p.admin = "/" + strconv.Itoa(int(pid)) + "/root" + path.Join("/", adminOf(args))
	}
}

const dpkg = "dpkg"

func managerName(exe *string, args []string) string {
	if exe == nil {
		return ""
	}
	name := path.Base(strings.TrimSuffix(*exe, " (deleted)"))
	if isManager(name) {
		return name
	}
	if strings.HasPrefix(name, "python") || strings.HasPrefix(name, "perl") {
		for _, a := range args[min(1, len(args)):min(3, len(args))] { // "python3 -s /usr/bin/dnf install"
			if name := path.Base(a); path.IsAbs(a) && isManager(name) {
				return name
			}
		}
	}
	return ""
}

// packageOf finds the package that arguments name: that of a dpkg script, or the one .deb or .rpm that a manager was given.
func packageOf(args []string, manager bool) (pkg string) {
	for _, a := range args {
		name := ""
		switch base := path.Base(a); {
		case strings.HasPrefix(a, dpkgScripts):
			name = strings.TrimSuffix(base, path.Ext(base)) // name.postinst
			name, _, _ = strings.Cut(name, ":")             // name:amd64.postinst
		case !manager:
		case strings.HasSuffix(base, ".deb"):
			name, _, _ = strings.Cut(strings.TrimSuffix(base, ".deb"), "_") // name_version_arch.deb
		case strings.HasSuffix(base, ".rpm"):
			name = rpmName(base)
		}
		if name != "" && pkg != "" && name != pkg {
			return "" // several
		}
		if name != "" {
			pkg = name
		}
	}
	return pkg
}

// rpmName takes the name from name-version-release.arch.rpm.
func rpmName(base string) string {
	for range 2 {
		i := strings.LastIndexByte(base, '-')
		if i <= 0 {
			return ""
		}
		base = base[:i]
	}
	return base
}
