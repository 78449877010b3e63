import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chapter } from '#cli/demo/chapter.ts';

const spiffeId = 'spiffe://east.test/ns/demo/sa/web';
const asWorkload = 'kubectl --token "$(cat token)"';

/** From a request that OpenSSL made to a certificate that OpenSSL verifies against the published root. */
export const firstCertificate: Chapter = {
  name: 'first-certificate',
  title: 'the first certificate',
  async play(stage, directory) {
    stage.step('A workload: the service account "web", with a token and no other right than to ask.');
    await stage.run('kubectl create namespace demo && kubectl --namespace demo create serviceaccount web');
    await stage.run('kubectl --namespace demo create token web > token');

    stage.step(
      'It makes a key, which never leaves it, and a request without any name: who it is, its token says.',
    );
    await stage.run(
      'openssl ecparam -name prime256v1 -genkey -noout -out web.key && openssl req -new -key web.key -subj / -out web.csr',
    );
    writeFileSync(join(directory, 'web.yaml'), requestYaml('web'));
    await stage.run(`sed "s|REQUEST|$(openssl base64 -A -in web.csr)|" web.yaml | ${asWorkload} create -f -`);
    await stage.run('kubectl get certificatesigningrequest web');
    stage.proves('Nothing is signed before somebody approves it.');

    stage.step('An administrator approves it; Mangrove signs.');
    await stage.run('kubectl certificate approve web');
    await stage.run(
      "kubectl wait certificatesigningrequest web --for=jsonpath='{.status.certificate}' --timeout=20s",
    );
    await stage.run(
      `${asWorkload} get certificatesigningrequest web -o jsonpath='{.status.certificate}' | openssl base64 -d -A > web.pem`,
    );
    await stage.run('openssl x509 -in web.pem -noout -issuer -dates -ext subjectAltName,extendedKeyUsage');
    stage.proves(`The certificate names ${spiffeId}, which the request never mentioned.`);

    stage.step('Any workload can read the root that it chains to.');
    await stage.run(
      `${asWorkload} get clustertrustbundle mangrove.dev:workload:east.test -o jsonpath='{.spec.trustBundle}' > roots.pem`,
    );
    await stage.run('openssl verify -x509_strict -CAfile roots.pem -untrusted web.pem web.pem');
    stage.proves('OpenSSL builds the chain: certificate, issuing certificate, published root.');
    await stage.run(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=stranger -out stranger.pem 2>/dev/null',
    );
    await stage.runRefused('openssl verify -x509_strict -CAfile stranger.pem -untrusted web.pem web.pem');
    stage.proves('Against any other root it fails.');

    stage.step('The same workload asks to be somebody else, and an administrator approves even that.');
    await stage.run(
      'openssl req -new -key web.key -subj / -addext subjectAltName=URI:spiffe://east.test/ns/bank/sa/vault -out thief.csr',
    );
    writeFileSync(join(directory, 'thief.yaml'), requestYaml('thief'));
    await stage.run(
      `sed "s|REQUEST|$(openssl base64 -A -in thief.csr)|" thief.yaml | ${asWorkload} create -f -`,
    );
    await stage.run('kubectl certificate approve thief');
    await stage.run('kubectl wait certificatesigningrequest thief --for=condition=Failed --timeout=20s');
    await stage.run(
      `kubectl get certificatesigningrequest thief -o jsonpath='{.status.conditions[?(@.type=="Failed")].message}'`,
    );
    stage.proves(
      'Approved or not, nobody gets a name that is not theirs, and the refusal says what to change.',
    );

    stage.step('Somebody deletes the published root.');
    await stage.run('kubectl delete clustertrustbundle mangrove.dev:workload:east.test');
    await stage.run(
      'kubectl wait clustertrustbundle mangrove.dev:workload:east.test --for=create --timeout=20s',
    );
    await stage.run(
      "kubectl get clustertrustbundle mangrove.dev:workload:east.test -o jsonpath='{.spec.trustBundle}' | cmp - roots.pem",
    );
    stage.proves('It is back, byte for byte.');
  },
};

function requestYaml(name: string): string {
  return `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata:
  name: ${name}
spec:
  signerName: mangrove.dev/workload
  request: REQUEST
  expirationSeconds: 3600
  usages: [digital signature, server auth, client auth]
`;
}
