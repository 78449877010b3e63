package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
)

// Certificate requests as programs in Go make them, each with a fresh key.
func requests() ([][]byte, error) {
	keys, err := keysOfAllKinds()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, key := range keys {
		for _, template := range templates() {
			der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
			if err != nil {
				return nil, err
			}
			all = append(all, der)
		}
	}
	return all, nil
}

func keysOfAllKinds() ([]crypto.Signer, error) {
	var keys []crypto.Signer
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return append(keys, edwards, modulus), nil
}

func templates() []*x509.CertificateRequest {
	id := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/default/sa/web"}
	return []*x509.CertificateRequest{
		{},
		{URIs: []*url.URL{id}},
		{
			Subject: pkix.Name{
				Country:      []string{"CH"},
				Organization: []string{"system:nodes", "Mangrove"},
				CommonName:   "system:node:wörker-1",
			},
			DNSNames:       []string{"web.default.svc", "*.example.com"},
			EmailAddresses: []string{"web@example.com"},
			IPAddresses:    []net.IP{net.IPv4(10, 0, 0, 1).To4(), net.ParseIP("fd00::1")},
			URIs:           []*url.URL{id},
			ExtraExtensions: []pkix.Extension{
				// Key usage: digitalSignature; then purposes: serverAuth and clientAuth; then one that nobody knows.
				{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 7, 128}},
				{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: purposes()},
				{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}},
			},
		},
	}
}

func purposes() []byte {
	ids := []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}, {1, 3, 6, 1, 5, 5, 7, 3, 2}}
	der, err := asn1.Marshal(ids)
	if err != nil {
		panic(err)
	}
	return der
}
