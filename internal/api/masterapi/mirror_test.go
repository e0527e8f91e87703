package masterapi

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"brine/internal/api"
	"brine/internal/master"
	"brine/internal/minion"
	"brine/reactors"
)

// keys are the JSON keys of a struct, those of embedded structs among them.
func keys(t reflect.Type) (list []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			list = append(list, keys(f.Type)...)
		case f.IsExported() && name != "-":
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// The client's types are copies, so that it links no role: a key that the roles add and the client does not know would be lost.
func TestTypesSayTheSame(t *testing.T) {
	for _, pair := range [][2]any{
		{master.Status{}, api.Status{}}, {master.MinionInfo{}, api.Minion{}}, {master.Trace{}, api.Trace{}}, {master.Verdict{}, api.Verdict{}},
		{master.Drift{}, api.Drift{}}, {master.Source{}, api.Source{}}, {reactors.Window{}, api.Window{}}, {reactors.Stats{}, api.WindowStats{}}, {reactors.Info{}, api.Rule{}}, {minion.Status{}, api.MinionStatus{}}, {traced{}, api.Traced{}},
		{master.RunEnded{}, api.Run{}}, {master.StepEnded{}, api.RunStep{}}, {master.ApprovalAsked{}, api.Approval{}}, {master.JobActed{}, api.JobActed{}},
		{master.Explained{}, api.Explained{}}, {master.Passed{}, api.Passed{}}, {reactors.Guard{}, api.Guard{}}, {master.Hold{}, api.Hold{}}, {master.Guarded{}, api.Guards{}},
	} {
		server, client := reflect.TypeOf(pair[0]), reflect.TypeOf(pair[1])
		if s, c := keys(server), keys(client); !slices.Equal(s, c) {
			t.Errorf("%v has %v\n%v has %v", server, s, client, c)
		}
	}
}
