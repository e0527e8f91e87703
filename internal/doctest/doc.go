// Package doctest holds tests only: what the README, the guides and the examples say is run, loaded and looked up, and the
// reference is made from the code. It owns no code that anything else may use.
//
// The folder of the binaries is taken from BRINE_BIN (`make test` sets it); without it they are built once into a temporary folder.
package doctest

//go:generate go test -run TestReference -update .
