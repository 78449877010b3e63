import type { Chapter } from '#cli/demo/chapter.ts';

const bundle = 'clustertrustbundle mangrove.dev:workload:east.test';
const published = `kubectl get ${bundle} -o jsonpath='{.spec.trustBundle}'`;
const repairs =
  'kubectl get events --namespace default --field-selector involvedObject.name=east.test,reason=TargetRepaired';
const same = `${published} | cmp -s - roots.pem`;

/** Roots from elsewhere, side by side with our own: what may join a bundle, what may not, and who may write it. */
export const corporateRoot: Chapter = {
  name: 'corporate-root',
  title: 'a corporate root joins a bundle',
  async play(stage) {
    stage.step('The company has a root of its own, and a database with a certificate under it.');
    await stage.run(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout corporate.key -subj "/CN=Corporate Root" -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign -out corporate.pem 2>/dev/null',
    );
    await stage.run(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=db -CA corporate.pem -CAkey corporate.key -addext basicConstraints=critical,CA:FALSE -out db.pem 2>/dev/null',
    );
    await stage.run(`${published} > roots.pem`);
    await stage.runRefused('openssl verify -CAfile roots.pem db.pem');
    stage.proves('Workloads of the trust domain do not trust it: its root is not in their bundle.');

    stage.step('An administrator puts the root into a ConfigMap and names it as a source.');
    await stage.run(
      'kubectl --namespace mangrove-trust create configmap corporate --from-file=ca.crt=corporate.pem',
    );
    await stage.run(
      `kubectl patch trustbundle east.test --type=json -p '[{"op":"add","path":"/spec/sources/-","value":{"configMap":{"name":"corporate"}}}]'`,
    );
    await stage.run(
      "kubectl wait trustbundle east.test --for=jsonpath='{.status.sources[1].hash}' --timeout=20s",
    );
    await stage.run(
      `kubectl get trustbundle east.test -o jsonpath='{range .status.anchors[*]}{.source}{"  "}{.subject}{"\\n"}{end}'`,
    );
    await stage.run(`${published} > roots.pem`);
    await stage.run('openssl verify -CAfile roots.pem db.pem');
    stage.proves('Every workload that mounts the bundle trusts the database from now on.');

    stage.step('By accident somebody pastes the private key of that root into the ConfigMap.');
    await stage.run(
      'kubectl --namespace mangrove-trust create configmap corporate --from-file=ca.crt=corporate.key --dry-run=client -o yaml | kubectl replace -f -',
    );
    await stage.run('kubectl wait trustbundle east.test --for=condition=Ready=false --timeout=20s');
    await stage.run("kubectl get trustbundle east.test -o jsonpath='{.status.sources[1].error}'");
    await stage.runRefused(
      'kubectl get trustbundle east.test -o yaml | grep -F "$(sed -n 2p corporate.key)"',
    );
    await stage.run(`${published} | cmp - roots.pem`);
    stage.proves('It is refused by name, its bytes are nowhere, and the bundle keeps what was good.');
    await stage.run(
      'kubectl --namespace mangrove-trust create configmap corporate --from-file=ca.crt=corporate.pem --dry-run=client -o yaml | kubectl replace -f -',
    );
    await stage.run('kubectl wait trustbundle east.test --for=condition=Ready --timeout=20s');

    stage.step('Somebody edits the published bundle by hand.');
    await stage.run(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=stranger -out stranger.pem 2>/dev/null',
    );
    await stage.run("(printf 'spec:\\n  trustBundle: |\\n'; sed 's/^/    /' stranger.pem) > edit.yaml");
    await stage.run(`kubectl patch ${bundle} --type=merge --patch-file edit.yaml`);
    await stage.run(`for try in $(seq 100); do ${same} && break; sleep 0.2; done; ${same}`);
    await stage.run(
      `for try in $(seq 100); do ${repairs} -o name | grep -q . && break; sleep 0.2; done; ${repairs} -o custom-columns=REASON:.reason,MESSAGE:.message`,
    );
    stage.proves('It is put right at once, byte for byte, and an event says so.');
  },
};
