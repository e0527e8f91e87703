// Package e2e holds tests only: real daemons as processes, driven through the API's client and the file system over the real
// bus, with everything that can go wrong between them: processes killed, connections cut or half open, memories restored and
// cloned, strangers at the door. It owns no code that anything else may use.
//
// The folder of the binaries is taken from BRINE_BIN (`make test` sets it); without it they are built once into a temporary folder.
// Where chance is part of a test its seed is printed, and BRINE_SEED runs it again.
package e2e
