package wire

import "brine/internal/event"

// Limits of single fields; those of whole messages stand in messages.go.
const (
	MaxVersion   = 64            // bytes of Hello.Version
	MaxGrains    = 64 << 10      // bytes of Hello.Grains
	MaxArgs      = event.MaxData // bytes of Job.Args
	MaxSettings  = 512 << 10     // bytes of Settings.Data
	MaxBy        = 256           // bytes of Event.By
	MaxName      = 1024          // bytes of the name of a rule, a function, an SLS, and of the id of a state
	MaxStateName = 8 << 10       // bytes of what a state is about: a path, a command
	MaxAttempt   = 1 << 20       // of a job
	MaxStates    = 4096          // states in one low state
	MaxRequire   = MaxStates     // requisites of one state
	MaxContents  = 1024          // contents that one state names
	MaxSource    = 1024          // SLS that one low state was compiled from

	// MaxEvent bounds an encoded event: its data and tag at their longest, and room for the rest.
	MaxEvent = event.MaxData + event.MaxTag + 8<<10

	maxFields  = 64 // pairs in the map of one message, event or part of one
	maxNesting = 16 // of items within a message, its map being 0
	cutReason  = 512
)

// A batch that was closed as MaxBatchBytes says always fits a frame.
var _ [MaxFrame - MaxBatchBytes - MaxEvent - 8*MaxBatch]struct{}

// An Ack whose reasons were cut to cutReason always fits a frame.
var _ [MaxFrame - MaxRejected*(cutReason+24)]struct{}
