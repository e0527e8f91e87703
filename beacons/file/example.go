package file

import "brine/beacons"

// tags are what the beacon fires, for the reference.
func tags() []beacons.Tag {
	known := func(n int64) *int64 { return &n }
	name := func(s string) *string { return &s }
	before := &Stat{Type: "file", Size: 11, Mode: "0644", User: "root", Group: "root",
		SHA256: "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447", Xattrs: "5d41402abc4b2a76b9719d911017c592"}
	after := *before
	after.Size, after.SHA256 = 8, "3e25960a79dbc69b674cd4ec67a72c62b2dd1a5d5c3f1a0a0a5d7f7ed1d3f4b9"
	vim := &Actor{PID: known(4711), Exe: name("/usr/bin/vim.basic"), Cmdline: name("vim /etc/motd"), UID: known(0), LoginUID: known(1000),
		Session: known(3), Parents: []string{"bash", "sshd"}}
	dpkg := &Actor{PID: known(4712), Exe: name("/usr/bin/dpkg"), UID: known(0), PackageManager: name("dpkg"), Package: name("openssh-server")}
	return []beacons.Tag{
		{Tail: "<path>", When: "something at the path, or below it, has changed; the leading slash is dropped", Data: Data{Path: "/etc/motd",
			Change: Modified, Before: before, After: &after, Diff: "--- before\n+++ after\n@@ -1 +1 @@\n-hello world\n+goodbye\n",
			Actor: vim, State: "file.managed"}},
		{Tail: "<path>", When: "with the option renames: a file has another name within one path", Data: Data{Path: "/etc/ssh/sshd_config",
			Change: Renamed, From: "/etc/ssh/sshd_config.dpkg-new", Before: before, After: before, Actor: dpkg}},
		{Tail: "<path>", When: "a link leads elsewhere", Data: Data{Path: "/etc/localtime", Change: Modified,
			Before: &Stat{Type: "symlink", Mode: "0777", User: "root", Group: "root", Target: "/usr/share/zoneinfo/UTC"},
			After:  &Stat{Type: "symlink", Mode: "0777", User: "root", Group: "root", Target: "/usr/share/zoneinfo/Europe/Berlin"}}},
		{Tail: "rescan", When: "notes of the kernel were lost, and everything was compared",
			Data: Data{Path: "/", Change: Rescan, Reason: "the kernel's queue was full"}},
		{Tail: "unwatched", When: "the kernel does not tell of a path: it is only compared now and then",
			Data: Data{Path: "/srv", Change: Unwatched, Reason: "no space left on device"}},
	}
}
