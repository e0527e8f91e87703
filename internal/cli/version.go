package cli

import (
	"fmt"
	"runtime"

	"brine/internal/daemon"

	"github.com/spf13/cobra"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of this program", Example: "  brine version -o json", Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				Arch    string `json:"arch"`
			}{daemon.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if done, err := a.machine(v); done {
				return err
			}
			fmt.Fprintf(a.out, "brine %s (%s, %s)\n", v.Version, v.Go, v.Arch)
			return nil
		},
	}
}
