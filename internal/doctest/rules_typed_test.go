package doctest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	beaconlist "brine/beacons/all"
	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/internal/beaconset"
	"brine/internal/config"
	"brine/reactors"
)

// TestRulesKnowWhatBeaconsTell: of every beacon, and of an instance of it that the fleet has under another name, rules may ask for each field of its
// data, and a misspelt one is a fault that names the nearest.
func TestRulesKnowWhatBeaconsTell(t *testing.T) {
	for _, m := range beaconlist.List() {
		t.Run(m.Name, func(t *testing.T) {
			instance := "my-" + m.Name
			env := action.RuleEnv(beaconlist.List(), actionlist.List())
			for name, kind := range fleetOf(t, instance, m.Name, m.Sample) {
				env.Data[name] = env.Data[kind]
			}
			data := reflect.TypeOf(m.Data)
			for i := range data.NumField() {
				field, _, _ := strings.Cut(data.Field(i).Tag.Get("json"), ",")
				for _, name := range []string{m.Name, instance} {
					if faults := loadRule(name, field, env); len(faults) > 0 {
						t.Errorf("data.%s of %s: %v", field, name, faults)
					}
					faults := loadRule(name, field+"x", env)
					if err := faults.Err(); err == nil || !strings.Contains(err.Error(), "did you mean") {
						t.Errorf("data.%sx of %s: %v; want a fault that names the nearest field", field, name, err)
					}
				}
			}
			if faults := loadRule("nobodys", "anything", env); len(faults) > 0 {
				t.Errorf("data of an unknown instance are refused: %v", faults)
			}
		})
	}
}

// loadRule loads a rule that asks for one field of a beacon's data.
func loadRule(beacon, field string, env reactors.Env) config.Faults {
	text := fmt.Sprintf("r:\n  on: brine/beacon/*/%s/**\n  when: data.%s == data.%s\n  do: {event.fire: a/b}\n", beacon, field, field)
	_, faults := reactors.Load([]reactors.Source{{Name: "r.yaml", Text: []byte(text)}}, env)
	return faults
}

// fleetOf reads a fleet's file that has one instance, with the options of the sample, and gives the kind of each.
func fleetOf(t *testing.T, instance, kind, sample string) map[string]string {
	t.Helper()
	var below []string // the sample without the kind's own key
	for _, line := range strings.Split(sample, "\n") {
		if strings.HasPrefix(line, " ") {
			below = append(below, "    "+line)
		}
	}
	text := fmt.Sprintf("all:\n  beacons:\n    %s:\n      beacon_module: %s\n%s\n", instance, kind, strings.Join(below, "\n"))
	fleet, faults := beaconset.ReadFleet([]beaconset.File{{Name: "fleet.yaml", Text: []byte(text)}}, beaconlist.List())
	if err := faults.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return fleet.Kinds()
}
