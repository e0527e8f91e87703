package beacons

// Actor is who made a change. What is not known is null, never root.
type Actor struct {
	PID            *int64   `json:"pid"`
	Exe            *string  `json:"exe"`             // as the kernel shows it: " (deleted)" follows where it has been removed
	Cmdline        *string  `json:"cmdline"`         // arguments joined by spaces; at most 1024 bytes
	UID            *int64   `json:"uid"`             // the effective one
	LoginUID       *int64   `json:"login_uid"`       // who logged in: the person behind sudo
	Session        *int64   `json:"session"`         // the kernel's audit session
	Parents        []string `json:"parents"`         // names of the processes above, the nearest first; at most 16
	PackageManager *string  `json:"package_manager"` // dpkg, apt-get, rpm, dnf ...: it, or one of its children, made the change
	Package        *string  `json:"package"`         // which package: dpkg says what it works on, of others only a command line that names one
}
