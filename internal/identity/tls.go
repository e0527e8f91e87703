package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"fmt"
	"slices"
)

// The doors of a master, by ALPN (RFC 7301).
const (
	DoorBus   = "brine/1"       // ZMTP, for accepted keys only
	DoorEnrol = "brine-enrol/1" // one Request, one Verdict; no ZMTP
)

// ServerTLS is the master's configuration: TLS 1.3, a client certificate with an Ed25519 key, a door, no resumption.
// admit says whether a key may pass a door; any error of its is a refusal, which the client sees as "bad certificate"
// (ExplainTLS). It is asked during the handshake, *before* the client has proved that it has the key, and from many
// goroutines: it must only look, and who acts on a key does so after the handshake. As a key may be rejected in between, ask
// again when the session is entered among the others.
func (k Key) ServerTLS(admit func(door string, fp Fingerprint) error) *tls.Config {
	c := k.baseTLS(DoorBus, DoorEnrol)
	c.ClientAuth = tls.RequireAnyClientCert
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		door := cs.NegotiatedProtocol
		if door != DoorBus && door != DoorEnrol { // a client that names none gets here
			return fmt.Errorf("tls: the client names no door (ALPN %q)", door)
		}
		fp, err := PeerFingerprint(cs)
		if err != nil {
			return err
		}
		return admit(door, fp)
	}
	return c
}

// ClientTLS is a minion's configuration for one door. trust says whether a key is the master's: Pin, or trust on
// first use. It too is asked before the master has proved that it has the key, so what it learns may be kept only after the handshake.
// The client's own handshake succeeds before the master has judged the client's key: a refusal comes with the first read.
func (k Key) ClientTLS(door string, trust func(Fingerprint) error) *tls.Config {
	c := k.baseTLS(door)
	c.InsecureSkipVerify = true // there is no CA: VerifyConnection below decides
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if cs.NegotiatedProtocol != door {
			return fmt.Errorf("tls: %w: it answers %q with ALPN %q", ErrNoMaster, door, cs.NegotiatedProtocol)
		}
		fp, err := PeerFingerprint(cs)
		if err != nil {
			return err
		}
		return trust(fp)
	}
	// Shown whatever the server says it would accept: a client without certificate would be refused with less to say.
	cert := k.cert
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return c
}

// baseTLS is what both sides have in common.
func (k Key) baseTLS(doors ...string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{k.cert},
		NextProtos:             doors,
		SessionTicketsDisabled: true, // each session proves its key anew
	}
}

// PeerFingerprint names the key of the other side. It is proved once the handshake is complete, and not before.
func PeerFingerprint(cs tls.ConnectionState) (Fingerprint, error) {
	if len(cs.PeerCertificates) != 1 {
		return "", fmt.Errorf("tls: peer shows %d certificates; want one", len(cs.PeerCertificates))
	}
	cert := cs.PeerCertificates[0]
	public, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("tls: peer shows a key of type %v; want Ed25519", cert.PublicKeyAlgorithm)
	}
	if weak(public) {
		return "", fmt.Errorf("tls: peer shows a key of small order, which everybody can sign for")
	}
	return FingerprintOf(public)
}

// Pin trusts a master whose key is one of these; several while a key is being replaced. Any other is an *ErrWrongMaster.
func Pin(want ...Fingerprint) func(Fingerprint) error {
	return func(fp Fingerprint) error {
		if slices.Contains(want, fp) {
			return nil
		}
		return &ErrWrongMaster{Presented: fp, Expected: want}
	}
}
