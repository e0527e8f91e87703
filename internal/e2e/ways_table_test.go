package e2e

import "slices"

// ways is every way of changing a file that this project knows of.
func ways() []way {
	return slices.Concat(inPlaceWays(), replacingWays(), attributeWays(), removingWays(), folderWays(), silentWays())
}

// inPlaceWays write into the file that is there.
func inPlaceWays() []way {
	return []way{
		{what: "echo into", change: "modified", do: "echo other > motd"},
		{what: "appended", change: "modified", once: true, do: "echo other >> motd"},
		{what: "python in place", needs: []string{python}, change: "modified", do: python + ` -c "open('motd', 'w').write('other')"`},
		{what: "python appends and syncs", needs: []string{python}, change: "modified",
			do: python + ` -c "import os; f = open('motd', 'a'); f.write('x'); f.flush(); os.fsync(f.fileno()); f.write('y'); f.close()"`},
		{what: "truncate", needs: []string{"truncate"}, change: "modified", once: true, do: "truncate -s 0 motd"},
		{what: "dd", needs: []string{"dd"}, change: "modified", once: true, do: "dd if=/dev/zero of=motd bs=4 count=1 conv=notrunc status=none"},
		{what: "tee", needs: []string{"tee"}, change: "modified", do: "echo other | tee motd >/dev/null"},
		{what: "cp", needs: []string{"cp"}, change: "modified", before: "echo other > new", do: "cp new motd"},
		{what: "ed", needs: []string{"ed"}, change: "modified", do: `printf '1s/This/That/\nw\nq\n' | ed -s motd`},
		{what: "rsync in place", needs: []string{"rsync"}, change: "modified", before: "echo other > new", do: "rsync --inplace new motd"},
		{what: "vim backupcopy=yes", needs: []string{"vim"}, change: "modified", do: vim("yes")},
	}
}

// replacingWays put another file under the name.
func replacingWays() []way {
	return []way{
		{what: "sed -i", needs: []string{"sed"}, change: "modified", once: true, do: "sed -i s/This/That/ motd"},
		{what: "perl -pi", needs: []string{"perl"}, change: "modified", do: "perl -pi -e s/This/That/ motd"},
		{what: "vim backupcopy=no", needs: []string{"vim"}, change: "modified", do: vim("no")},
		{what: "vim backupcopy=auto", needs: []string{"vim"}, change: "modified", do: vim("auto")},
		{what: "vim backupcopy=auto,breakhardlink", needs: []string{"vim"}, change: "modified", do: vim("auto,breakhardlink")},
		{what: "ex", needs: []string{"ex"}, change: "modified", do: "ex -u NONE -s -c '%s/This/That/' -c x motd"},
		{what: "python os.replace", needs: []string{python}, change: "modified", once: true,
			do: python + ` -c "import os; open('.tmp', 'w').write('other'); os.replace('.tmp', 'motd')"`},
		{what: "mv over", needs: []string{"mv"}, change: "modified", once: true, do: "echo other > new; mv new motd"},
		{what: "cp --remove-destination", needs: []string{"cp"}, change: "modified", before: "echo other > new", do: "cp -a --remove-destination new motd"},
		{what: "install", needs: []string{"install"}, change: "modified", before: "echo other > new", do: "install -m 640 new motd"},
		{what: "rsync", needs: []string{"rsync"}, change: "modified", once: true, before: "echo other > new", do: "rsync -a new motd"},
		{what: "patch", needs: []string{"patch"}, change: "modified", do: `printf '%s\n' '--- motd' '+++ motd' '@@ -1 +1 @@' "-$TEXT" '+patched' | patch -s motd`},
		{what: "tar -x", needs: []string{"tar"}, change: "modified", before: "mkdir in; echo other > in/motd; tar -C in -cf in.tar motd", do: "tar -xf in.tar"},
		{what: "git checkout", needs: []string{"git"}, change: "modified",
			before: "git init -q .; echo other > motd; git add motd; git -c user.name=x -c user.email=x@example.org commit -qm x",
			do:     "git checkout -q -- motd"},
		{what: "ln -f", needs: []string{"ln"}, change: "modified", before: "echo other > new", do: "ln -f new motd"},
		{what: "ln -sf", needs: []string{"ln"}, change: "modified", before: "echo other > new", do: "ln -sf new motd", also: "test other = \"$(cat new)\""},
		{what: "backup and rename", needs: []string{"mv"}, change: "modified", once: true, do: "cp -p motd motd.bak; echo other > .motd.new; mv .motd.new motd"},
		{what: "dpkg -i", needs: []string{"dpkg", "dpkg-deb"}, change: "modified", pkg: "brine-motd", before: debs("brine-motd"),
			do: "dpkg --admindir=$PWD/admin --instdir=$PWD --force-not-root --log=/dev/null -i brine-motd.deb"},
		{what: "dpkg -i of several", needs: []string{"dpkg", "dpkg-deb"}, change: "modified", pkg: "brine-motd", before: debs("brine-a brine-motd brine-z"),
			do: "dpkg --admindir=$PWD/admin --instdir=$PWD --force-not-root --log=/dev/null -i brine-a.deb brine-motd.deb brine-z.deb"},
	}
}

// attributeWays leave the content alone.
func attributeWays() []way {
	return []way{
		{what: "chmod", needs: []string{"chmod"}, change: "attributes", once: true, do: "chmod 666 motd"},
		{what: "chmod setuid", needs: []string{"chmod"}, change: "attributes", once: true, do: "chmod u+s motd"},
		{what: "chown", needs: []string{"chown"}, change: "attributes", once: true, do: "chown 12345:12345 motd"},
		{what: "setfattr", needs: []string{"setfattr", "getfattr"}, change: "attributes", once: true, state: "xattrs: {user.origin: brine}", do: "setfattr -n user.origin -v other motd",
			also: `test brine = "$(getfattr --only-values -n user.origin motd)"`},
		{what: "setfattr -x", needs: []string{"setfattr", "getfattr"}, change: "attributes", once: true, state: "xattrs: {user.origin: brine}", do: "setfattr -x user.origin motd",
			also: `test brine = "$(getfattr --only-values -n user.origin motd)"`},
		{what: "setfacl", needs: []string{"setfacl", "getfacl"}, change: "attributes", once: true, state: "xattrs: {system.posix_acl_access: null}", do: "setfacl -m u:12345:rwx motd",
			also: `! getfacl -n motd 2>/dev/null | grep -q user:12345`},
		{what: "mv over loses xattrs", needs: []string{"mv", "getfattr"}, change: "modified", once: true, state: "xattrs: {user.origin: brine}", do: "echo other > new; mv new motd",
			also: `test brine = "$(getfattr --only-values -n user.origin motd)"`},
		{what: "chgrp", needs: []string{"chgrp"}, change: "attributes", once: true, do: "chgrp 12345 motd"},
	}
}

// removingWays take the name away.
func removingWays() []way {
	return []way{
		{what: "rm", needs: []string{"rm"}, change: "removed", once: true, do: "rm motd"},
		{what: "unlink", needs: []string{"unlink"}, change: "removed", once: true, do: "unlink motd"},
		{what: "mv away", needs: []string{"mv"}, change: "removed", once: true, do: "mv motd old"},
		{what: "rm and made again", by: []string{"sh", "rm"}, change: "modified", do: "rm motd; echo other > motd"},
		{what: "mv away and made again", by: []string{"sh", "mv"}, change: "modified", do: "mv motd motd~; echo other > motd"},
	}
}

// folderWays change what leads to the file.
func folderWays() []way {
	return []way{
		{what: "folder removed", needs: []string{"rm"}, change: "removed", below: "sub/motd", state: "makedirs: true", do: "rm -r sub"},
		{what: "folder removed and remade", by: []string{"sh", "rm"}, change: "modified", below: "sub/motd", state: "makedirs: true", do: "rm -r sub; mkdir sub; echo other > sub/motd"},
		{what: "folder renamed away", needs: []string{"mv"}, change: "removed", once: true, below: "sub/motd", state: "makedirs: true", do: "mv sub away"},
		{what: "folder renamed away and back", by: []string{"sh", "mv"}, change: "modified", below: "sub/motd", state: "makedirs: true",
			do: "mv sub away; echo other > away/motd; mv away sub"},
		{what: "folder above removed", needs: []string{"rm"}, change: "removed", below: "a/b/c/motd", state: "makedirs: true", do: "rm -r a"},
		{what: "symlink swapped as Kubernetes does", needs: []string{"mv"}, change: "modified", once: true, below: "data/motd",
			before: "mkdir ..v1 ..v2; echo other > ..v2/motd; ln -s ..v1 data", do: "ln -s ..v2 data.tmp; mv -T data.tmp data", also: "test ..v2 = $(readlink data)"},
		{what: "target of a symlink written", change: "modified", below: "current/motd", before: "mkdir v1; ln -s v1 current", do: "echo other > v1/motd"},
		{what: "target of a symlink replaced", needs: []string{"mv"}, change: "modified", once: true, below: "current/motd", before: "mkdir v1; ln -s v1 current",
			do: "echo other > new; mv new v1/motd"},
	}
}

// silentWays are those that the kernel does not tell of.
func silentWays() []way {
	return []way{
		{what: "written through a hard link elsewhere", by: []string{""}, change: "modified", every: "1s", ready: "mkdir there; ln motd there/link", do: "echo other >> there/link"},
		{what: "written through mmap", needs: []string{python}, by: []string{python, ""}, change: "modified", every: "1s",
			do: python + ` -c "
import mmap, time
with open('motd', 'r+b') as f: m = mmap.mmap(f.fileno(), 0)
time.sleep(0.1)
m[0:4] = b'That'
m.flush()
time.sleep(0.1)"`},
	}
}

func vim(backupcopy string) string {
	return "vim -u NONE -es -c 'set backup backupcopy=" + backupcopy + "' -c '%s/This/That/' -c wq motd"
}

// debs is a script that makes packages, each of which holds a file of its own, and brine-motd the managed one too; and a folder for
// dpkg's memory.
func debs(names string) string {
	return `mkdir -p admin/updates admin/info; : > admin/status; : > admin/available
for p in ` + names + `; do
	mkdir -p build/$p/DEBIAN; echo $p > build/$p/file-of-$p
	test $p != brine-motd || echo other > build/$p/motd
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' $p > build/$p/DEBIAN/control
	dpkg-deb -b build/$p $p.deb >/dev/null
done`
}
