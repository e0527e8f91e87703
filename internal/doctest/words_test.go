package doctest

// words explain options and arguments where the code has no comment of its own, or one for programmers.
var words = map[string]string{
	"master listen":                "where minions connect: `tcp://HOST:PORT`",
	"master data_dir":              "the event log and the master's key",
	"master socket":                "unix socket of the API, which the command `brine` asks",
	"master tap":                   "`ipc:///ABSOLUTE/PATH` on which every stored event is published to any ZeroMQ SUB socket of this host; `''` for none",
	"master file_roots":            "folders of state files, their sources and `top.sls`; the first that has a file wins",
	"master reactor_dirs":          "folders of rule files, or single files; they are read again when they change",
	"master retention.age":         "older events and closed jobs are removed; at least 1m",
	"master retention.size":        "past this the oldest events are removed; at least 16MiB",
	"master enforce.blast_radius":  "`10%/10m`, or `none`: when more than this share of the minions that enforce a state drift to the same content within the time, its enforcement is frozen until `brine reactor resume --state`",
	"master enforce.blast_minions": "and at least so many of them",
	"master maintenance":           "windows in which minions are left as they are: a list of `{tgt, tgt_type, schedule, for, time_zone, why}`; see [enforce](../enforce.md)",
	"master log_level":             "read, and without effect at present: use the flag `--log-level`",
	"master beacon_dirs":           "folders of files that say which beacons run on which minions, or single files; they are read again when they change",

	"minion id":                 "the minion's name; the host name when not given",
	"minion master":             "`tcp://HOST:PORT` of the master; of several, another one is tried each time",
	"minion master_fingerprint": "the master's key, as `brine key fingerprint` prints it; several during a change of keys",
	"minion join_token":         "from `brine key token`: it names the master and lets the minion in without being asked",
	"minion trust_on_first_use": "believe the first master met, and only that one ever after",
	"minion data_dir":           "the minion's key, what it has not sent yet, what it saw last, content, and what writes have pushed aside",
	"minion socket":             "unix socket on which `brine event fire` reaches this minion",
	"minion root":               "absolute path of a folder to take for `/`: for trying out",
	"minion grains":             "facts of your own; they win over those that were collected",
	"minion allow.functions":    "what jobs may ask for: `state.apply`, `state.undo`, `state.kept`, `state.fetch` (file contents for `brine state adopt`), `test.ping`",
	"minion allow.states":       "which states may be run, as `module.function`",
	"minion allow.paths":        "which paths states may touch, when a state's name is a path",
	"minion outbox":             "bytes that events may take until the master has acknowledged them",
	"minion log_level":          "read, and without effect at present: use the flag `--log-level`",
	"minion beacons":            "what to watch: each beacon by its name, with its options",

	// What the functions of a module have in common stands once: MODULE.* ARGUMENT.
	"file.* name":         "absolute path; the state's id when not given",
	"file.* user":         "who owns it: a name or a number of the minion's host",
	"file.* group":        "its group: a name or a number of the minion's host",
	"file.* makedirs":     "make the folders on the way",
	"file.* clean":        "remove what is there and neither named nor brought",
	"file.* exclude_pat":  "patterns of what is left alone",
	"file.* force":        "replace what is in the way, if it is of another type",
	"file.* show_changes": "`false`: results and events carry no diff of this file",

	"file.managed source":   "where its content comes from: `brine://PATH` or `salt://PATH` below the file roots",
	"file.managed contents": "its content, written right here; at most 128 KiB. The last line is always ended",
	"file.managed mode":     "octal, such as `'0644'`; `keep` is that of the source",
	"file.recurse source":   "the folder below the file roots that is brought: `brine://PATH` or `salt://PATH`",
	"file.symlink target":   "where the link points",

	"data path":   "of the file",
	"data change": "what happened: see below",
}
