package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
	"time"
)

var errNone = errors.New("no certificate in it")

// readFile reads at most maxSize bytes of a regular file, and never waits for one that is not.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if len(text) > maxSize {
		return nil, fmt.Errorf("it has more than %d bytes", maxSize)
	}
	return text, err
}

// parse reads the certificates of a PEM file: the first one, and when the first to expire does.
func parse(text []byte) (first *x509.Certificate, notAfter time.Time, err error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, time.Time{}, err
		}
		if first == nil {
			first = c
		}
		if notAfter.IsZero() || c.NotAfter.Before(notAfter) {
			notAfter = c.NotAfter
		}
	}
	if first == nil {
		return nil, time.Time{}, errNone
	}
	return first, notAfter, nil
}

// fits says whether a key is a certificate's own.
func fits(certificate, key []byte) error {
	_, err := tls.X509KeyPair(certificate, key)
	return err
}

const maxNames = 100

// describe fills in what is told of a certificate.
func (d *Data) describe(c *x509.Certificate, notAfter, now time.Time) {
	d.Subject, d.Issuer, d.Serial = c.Subject.String(), c.Issuer.String(), c.SerialNumber.Text(16)
	sum := sha256.Sum256(c.Raw)
	d.SHA256 = hex.EncodeToString(sum[:])
	d.NotAfter, d.Left = notAfter, math.Round(notAfter.Sub(now).Seconds())
	d.Names = c.DNSNames
	for _, ip := range c.IPAddresses {
		d.Names = append(d.Names, ip.String())
	}
	d.Names = d.Names[:min(len(d.Names), maxNames)]
}
