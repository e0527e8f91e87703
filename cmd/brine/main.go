// Command brine is the operator's one command: it asks the daemons over their unix sockets.
package main

import (
	"os"

	"brine/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:]...)) }
