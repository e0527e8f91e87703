// Package all lists the beacons that Brine comes with. It owns the list and nothing else: a beacon that is not named here does
// not exist, and none registers itself.
package all

import (
	"brine/beacons"
	"brine/beacons/cert"
	"brine/beacons/conn"
	"brine/beacons/cpu"
	"brine/beacons/disk"
	"brine/beacons/diskio"
	"brine/beacons/exec"
	"brine/beacons/file"
	"brine/beacons/heartbeat"
	"brine/beacons/http"
	"brine/beacons/journal"
	"brine/beacons/kmod"
	"brine/beacons/load"
	"brine/beacons/log"
	"brine/beacons/login"
	"brine/beacons/memory"
	"brine/beacons/mount"
	"brine/beacons/net"
	pkg "brine/beacons/package"
	"brine/beacons/pressure"
	"brine/beacons/process"
	"brine/beacons/schedule"
	"brine/beacons/service"
	"brine/beacons/swap"
	"brine/beacons/tcp"
	clock "brine/beacons/time"
	"brine/beacons/user"
)

// List returns every beacon's module, by name.
func List() []beacons.Module {
	return []beacons.Module{
		cert.Module(),
		conn.Module(),
		cpu.Module(),
		disk.Module(),
		diskio.Module(),
		exec.Module(),
		file.Module(),
		heartbeat.Module(),
		http.Module(),
		journal.Module(),
		kmod.Module(),
		load.Module(),
		log.Module(),
		login.Module(),
		memory.Module(),
		mount.Module(),
		net.Module(),
		pkg.Module(),
		pressure.Module(),
		process.Module(),
		schedule.Module(),
		service.Module(),
		swap.Module(),
		tcp.Module(),
		clock.Module(),
		user.Module(),
	}
}
