package bus

import "sync/atomic"

// Stats is a snapshot of a server's counters. Totals count from its start.
type Stats struct {
	Accepted     uint64            `json:"accepted"`      // connections taken from the kernel
	AcceptErrors uint64            `json:"accept_errors"` // failed accepts that passed, such as no descriptor free
	Refused      map[string]uint64 `json:"refused"`       // connections that became neither a peer nor an enrolment, by reason
	Enrolments   uint64            `json:"enrolments"`    // requests that were answered
	Opened       uint64            `json:"opened"`        // peers that were opened
	Slow         uint64            `json:"slow"`          // peers closed because they did not keep up
	Silent       uint64            `json:"silent"`        // peers closed because nothing was heard from them
	Broken       uint64            `json:"broken"`        // peers closed because they broke the protocol
	MessagesIn   uint64            `json:"messages_in"`
	BytesIn      uint64            `json:"bytes_in"`
	MessagesOut  uint64            `json:"messages_out"`
	BytesOut     uint64            `json:"bytes_out"`
	Handshakes   int               `json:"handshakes"` // in flight now
	Peers        int               `json:"peers"`      // now
}

// refusal is why a connection became nothing. Their names are keys of Stats.Refused.
type refusal int

const (
	refusedFull    refusal = iota // MaxHandshakes are in flight
	refusedAddress                // too many of them from this address
	refusedPeers                  // MaxPeers are open
	refusedKey                    // Admit says no
	refusedTLS                    // no TLS 1.3 with our ALPN, or too late
	refusedZMTP                   // no ZMTP handshake, or too late
	refusedEnrol                  // no proper enrolment, or too late
	refusals
)

func (r refusal) String() string {
	return [refusals]string{"handshakes_full", "address_full", "peers_full", "key", "tls", "zmtp", "enrol"}[r]
}

type counters struct {
	accepted, acceptErrors, enrolments, opened, slow, silent, broken atomic.Uint64
	refused                                                          [refusals]atomic.Uint64
}

// Stats gives the counters as they are now.
func (s *Server) Stats() Stats {
	st := Stats{
		Accepted:     s.count.accepted.Load(),
		AcceptErrors: s.count.acceptErrors.Load(),
		Enrolments:   s.count.enrolments.Load(),
		Opened:       s.count.opened.Load(),
		Slow:         s.count.slow.Load(),
		Silent:       s.count.silent.Load(),
		Broken:       s.count.broken.Load(),
		Refused:      make(map[string]uint64, refusals),
	}
	for r := range refusals {
		st.Refused[r.String()] = s.count.refused[r].Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Handshakes = s.inFlight
	st.Peers = s.open
	st.add(s.past)
	for _, peers := range s.peers {
		for _, p := range peers {
			st.add(p.traffic())
		}
	}
	return st
}

type traffic struct{ msgsIn, bytesIn, msgsOut, bytesOut uint64 }

func (p *Peer) traffic() traffic {
	return traffic{p.msgsIn.Load(), p.bytesIn.Load(), p.msgsOut.Load(), p.bytesOut.Load()}
}

func (st *Stats) add(t traffic) {
	st.MessagesIn += t.msgsIn
	st.BytesIn += t.bytesIn
	st.MessagesOut += t.msgsOut
	st.BytesOut += t.bytesOut
}
