package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"brine/internal/target"

	"github.com/spf13/cobra"
)

// addTgtType adds the flags that say how a target is to be read: --tgt-type, and Salt's short ones.
func addTgtType(cmd *cobra.Command, into *string) {
	flags := cmd.Flags()
	flags.StringVar(into, "tgt-type", string(target.Glob), "how TARGET is to be read: "+strings.Join(target.Kinds(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("tgt-type", words(target.Kinds()...)) // fails for an unknown flag only
	names := []string{"tgt-type"}
	for _, f := range []struct {
		name, short string
		kind        target.Kind
		usage       string
	}{
		{"tgt-pcre", "E", target.PCRE, "TARGET is a regular expression that ids begin with: 'web[0-9]+$'"},
		{"tgt-list", "L", target.List, "TARGET is ids with commas: web1,db1"},
		{"tgt-grain", "G", target.Grain, "TARGET is a grain and a glob of its value: os:Debian"},
		{"tgt-grain-pcre", "P", target.GrainPCRE, "TARGET is a grain and a regular expression: 'os:(Debian|Ubuntu)'"},
		{"tgt-compound", "C", target.Compound, "TARGET joins any of them: 'G@os:Debian and web* and not L@web1,web2'"},
	} {
		flags.VarPF(kindFlag{into, f.kind}, f.name, f.short, f.usage).NoOptDefVal = "true"
		names = append(names, f.name)
	}
	cmd.MarkFlagsMutuallyExclusive(names...)
}

// kindFlag is a flag without a value that chooses a kind.
type kindFlag struct {
	into *string
	kind target.Kind
}

func (f kindFlag) String() string { return "" }
func (f kindFlag) Type() string   { return "bool" }

// Set is given true, as the flag alone means.
func (f kindFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if on {
		*f.into = string(f.kind)
	}
	return err
}

// unknownIDs are those of a list that are none of the known ones.
func unknownIDs(kind, expr string, known []string) []string {
	t, err := target.Parse(kind, expr)
	if err != nil || t.Kind() != target.List {
		return nil
	}
	return slices.DeleteFunc(t.IDs(), func(id string) bool { return slices.Contains(known, id) })
}

func (a *app) warnUnknown(ids []string) {
	if len(ids) > 0 {
		fmt.Fprintf(a.err, "warning: no accepted minion is called %s\n", oneLine(strings.Join(ids, ", "), 500))
	}
}
