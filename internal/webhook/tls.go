package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLS says whom to trust, and who we are. The zero TLS trusts the host's authorities.
type TLS struct {
	CA         string `yaml:"ca"`          // a file of PEM certificates: trusted instead of the host's
	Cert       string `yaml:"cert"`        // a file with our own certificate, and key with its key
	Key        string `yaml:"key"`         // a PEM file
	ServerName string `yaml:"server_name"` // the name that the server's certificate must hold, where it is not the address'
}

// Validate says what is missing.
func (t TLS) Validate() error {
	if (t.Cert == "") != (t.Key == "") {
		return fmt.Errorf("cert and key: one is of no use without the other")
	}
	return nil
}

// Config reads the files: at each request, so that a renewed certificate is used at once.
func (t TLS) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls: ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: ca: %q holds no certificate", t.CA)
		}
	}
	if t.Cert != "" {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: cert: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}
