package master

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"brine/internal/bus"
	"brine/internal/config"
)

// Config is master.yaml. What is tagged reload:"live" is put in force by reloadConfig; the rest holds until the next start.
type Config struct {
	Listen      config.Strings `yaml:"listen"`
	DataDir     string         `yaml:"data_dir"`
	Socket      string         `yaml:"socket"`
	Tap         string         `yaml:"tap"` // empty: none
	FileRoots   []string       `yaml:"file_roots"`
	ReactorDirs []string       `yaml:"reactor_dirs" reload:"live"`
	BeaconDirs  []string       `yaml:"beacon_dirs" reload:"live"`
	Retention   Retention      `yaml:"retention"`
	Enforce     Enforce        `yaml:"enforce" reload:"live"`
	Maintenance []Maintenance  `yaml:"maintenance" reload:"live"`
}

// Retention bounds the log. Open jobs are never removed.
type Retention struct {
	Age  time.Duration `yaml:"age"`
	Size config.Size   `yaml:"size"`
}

// Validate says what is wrong, naming the value.
func (r *Retention) Validate() error {
	if r.Age < time.Minute {
		return fmt.Errorf("age: %s is too short: at least 1m", r.Age)
	}
	if r.Size < 16<<20 {
		return fmt.Errorf("size: %d bytes is too little: at least 16MiB", r.Size)
	}
	return nil
}

// DefaultConfig is the configuration of an empty file.
func DefaultConfig() Config {
	return Config{
		Listen:      config.Strings{"tcp://0.0.0.0:4506"},
		DataDir:     "/var/lib/brine/master",
		Socket:      "/run/brine/master.sock",
		Tap:         "ipc:///run/brine/tap/events.ipc",
		FileRoots:   []string{"/srv/brine/states"},
		ReactorDirs: []string{"/srv/brine/reactors"},
		BeaconDirs:  []string{"/srv/brine/beacons"},
		Retention:   Retention{Age: 90 * 24 * time.Hour, Size: 16 << 30},
		Enforce:     Enforce{BlastRadius: BlastRadius{Percent: 10, Window: 10 * time.Minute}, BlastMinions: 5},
	}
}

// LoadConfig reads a file and what lies in the folder beside it (master.d for master.yaml). All faults are told at once.
func LoadConfig(path string) (*Config, error) {
	node, err := config.LoadWithDropIns(path)
	if err != nil {
		return nil, err
	}
	c := DefaultConfig()
	if faults := node.Decode(&c); len(faults) > 0 {
		return nil, faults.Sorted()
	}
	return &c, nil
}

// Validate says what is wrong, naming the option.
func (c *Config) Validate() error {
	if len(c.Listen) == 0 {
		return errors.New("listen: no address")
	}
	for _, l := range c.Listen {
		if _, err := bus.ParseAddress(l); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	if c.DataDir == "" {
		return errors.New("data_dir is empty")
	}
	if path, ok := strings.CutPrefix(c.Tap, "ipc://"); c.Tap != "" && (!ok || !filepath.IsAbs(path)) {
		return fmt.Errorf("tap: %q: want ipc:///absolute/path, or '' for none", c.Tap)
	}
	return checkMaintenance(c.Maintenance)
}

// file is a path below data_dir.
func (c *Config) file(name string) string { return filepath.Join(c.DataDir, name) }
