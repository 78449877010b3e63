// Verifies chains with crypto/x509: questions come as one JSON list on standard input, answers go out as another. With the
// argument `requests` it makes certificate requests and asks nothing.
package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Certificates are DER, which encoding/json reads from base64.
type question struct {
	Leaf          []byte   `json:"leaf"`
	Intermediates [][]byte `json:"intermediates"`
	Anchors       [][]byte `json:"anchors"`
	At            int64    `json:"at"`
	Purpose       string   `json:"purpose"`
}

type answer struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
}

func main() {
	work := answers
	if len(os.Args) == 2 && os.Args[1] == "requests" {
		work = func() (any, error) { return requests() }
	}
	result, err := work()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answers() (any, error) {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		return nil, err
	}
	all := make([]answer, 0, len(questions))
	for _, q := range questions {
		if err := verify(q); err != nil {
			all = append(all, answer{Reason: err.Error()})
		} else {
			all = append(all, answer{OK: true})
		}
	}
	return all, nil
}

func verify(q question) error {
	leaf, err := x509.ParseCertificate(q.Leaf)
	if err != nil {
		return err
	}
	intermediates, err := pool(q.Intermediates)
	if err != nil {
		return err
	}
	anchors, err := pool(q.Anchors)
	if err != nil {
		return err
	}
	purpose := x509.ExtKeyUsageServerAuth
	if q.Purpose == "clientAuth" {
		purpose = x509.ExtKeyUsageClientAuth
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots:         anchors,
		Intermediates: intermediates,
		CurrentTime:   time.Unix(q.At, 0),
		KeyUsages:     []x509.ExtKeyUsage{purpose},
	})
	return err
}

func pool(certificates [][]byte) (*x509.CertPool, error) {
	all := x509.NewCertPool()
	for _, der := range certificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		all.AddCert(certificate)
	}
	return all, nil
}
