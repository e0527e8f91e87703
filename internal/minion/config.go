package minion

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/internal/bus"
	"brine/internal/config"
	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/identity"
)

// Config is minion.yaml.
type Config struct {
	ID                string         `yaml:"id"`
	Master            config.Strings `yaml:"master"`
	MasterFingerprint config.Strings `yaml:"master_fingerprint"`
	JoinToken         string         `yaml:"join_token"`
	TrustOnFirstUse   bool           `yaml:"trust_on_first_use"`
	DataDir           string         `yaml:"data_dir"`
	Socket            string         `yaml:"socket"`
	Root              string         `yaml:"root"`
	Grains            map[string]any `yaml:"grains"`
	Allow             converge.Allow `yaml:"allow"`
	Outbox            config.Size    `yaml:"outbox"`
	Beacons           *config.Node   `yaml:"beacons" reload:"live"`

	beacons []beaconset.Instance
}

// minOutbox is the least that holds a few events as large as may be, in bytes.
const minOutbox = 4 << 20

// DefaultConfig is the configuration of an empty file.
func DefaultConfig() Config {
	host, err := os.Hostname()
	if err != nil {
		host = "" // Validate asks for an id then
	}
	return Config{
		ID:      host,
		Master:  config.Strings{"tcp://brine:4506"},
		DataDir: "/var/lib/brine/minion",
		Socket:  "/run/brine/minion.sock",
		Root:    "/",
		Allow:   converge.DefaultAllow(),
		Outbox:  256 << 20,
	}
}

// LoadConfig reads a file and what lies in the folder beside it (minion.d for minion.yaml). All faults are told at once.
func LoadConfig(path string, modules []beacons.Module) (*Config, error) {
	node, err := config.LoadWithDropIns(path)
	if err != nil {
		return nil, err
	}
	c := DefaultConfig()
	faults := node.Decode(&c)
	var more config.Faults
	c.beacons, more = beaconset.Read(c.Beacons, modules)
	faults = append(faults, more...)
	if len(faults) > 0 {
		return nil, faults.Sorted()
	}
	return &c, nil
}

// Validate says what is wrong, naming the option.
func (c *Config) Validate() error {
	if err := event.CheckMinionID(c.ID); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	if len(c.Master) == 0 {
		return errors.New("master: no address")
	}
	for _, m := range c.Master {
		if _, err := bus.ParseAddress(m); err != nil {
			return fmt.Errorf("master: %w", err)
		}
	}
	for _, f := range c.MasterFingerprint {
		if _, err := identity.ParseFingerprint(f); err != nil {
			return fmt.Errorf("master_fingerprint: %w", err)
		}
	}
	if c.JoinToken != "" {
		if _, _, err := identity.ParseToken(c.JoinToken); err != nil {
			return fmt.Errorf("join_token: %w", err)
		}
	}
	if len(c.MasterFingerprint) == 0 && c.JoinToken == "" && !c.TrustOnFirstUse {
		return errors.New("nothing says which master to trust: set master_fingerprint (brine key fingerprint on the master prints it), join_token (brine key token), or trust_on_first_use: true")
	}
	if c.DataDir == "" {
		return errors.New("data_dir is empty")
	}
	if !filepath.IsAbs(c.Root) {
		return fmt.Errorf("root: %q is not an absolute path", c.Root)
	}
	if c.Outbox < minOutbox {
		return fmt.Errorf("outbox: %d bytes is too little: at least %d", c.Outbox, minOutbox)
	}
	return c.Allow.Validate()
}

func (c *Config) prefix() string { return "brine/beacon/" + c.ID + "/" }
