package bus

import (
	"fmt"
	"strings"
	"sync"
)

const (
	maxPrefix        = 1024 // bytes of one subscription; no tag is longer
	maxSubscriptions = 256  // different prefixes of one subscriber
)

// parseSubscription reads what a SUB socket sends (https://rfc.zeromq.org/spec:29/): 1 and a prefix to subscribe, 0 and a
// prefix to cancel.
func parseSubscription(frame []byte) (add bool, prefix string, err error) {
	switch {
	case len(frame) == 0 || frame[0] > 1:
		return false, "", fmt.Errorf("%w: %.16q is no subscription", ErrProtocol, frame)
	case len(frame)-1 > maxPrefix:
		return false, "", fmt.Errorf("%w: a subscription of %d bytes, at most %d", ErrProtocol, len(frame)-1, maxPrefix)
	}
	return frame[0] == 1, string(frame[1:]), nil
}

// subscriptions are the prefixes of one subscriber, each with the number of times it was subscribed.
type subscriptions struct {
	mu       sync.RWMutex
	prefixes map[string]int
}

// apply takes one subscription frame.
func (s *subscriptions) apply(frame []byte) error {
	add, prefix, err := parseSubscription(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.prefixes[prefix]
	switch {
	case add && !known && len(s.prefixes) >= maxSubscriptions:
		return fmt.Errorf("%w: more than %d subscriptions", ErrProtocol, maxSubscriptions)
	case add:
		if s.prefixes == nil {
			s.prefixes = map[string]int{}
		}
		s.prefixes[prefix] = n + 1
	case n > 1:
		s.prefixes[prefix] = n - 1
	default:
		delete(s.prefixes, prefix)
	}
	return nil
}

func (s *subscriptions) want(tag string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for prefix := range s.prefixes {
		if strings.HasPrefix(tag, prefix) {
			return true
		}
	}
	return false
}

func (s *subscriptions) any() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.prefixes) > 0
}
