import { test } from 'vitest';
import type { Lease } from '#kube/object.ts';
import { certificateAuthorities, leases, secrets } from '#kube/resource.ts';
import { answer, faultProxy, statusBody } from '../kube/fault-proxy.ts';
import { adminClient } from '../kube/lab.ts';
import { controlPlane } from '../support/control-plane.ts';
import { install, until } from '../support/installation.ts';

test('an authority that is deleted while its watch is cut off is served no more', async () => {
  const proxy = await faultProxy();
  const server = { ...(await controlPlane()), server: proxy.url, certificateAuthority: proxy.certificate };
  const on = await install(server);
  // Past the fault.
  const admin = await adminClient();
  const served = async (): Promise<string | undefined> => {
    const heartbeat = await admin.get<Lease>(leases, 'mangrove-0-heartbeat', { namespace: on.namespace });
    return heartbeat.metadata.annotations?.['mangrove.dev/signer-names'];
  };
  try {
    await on.createAuthority();
    await on.start();
    await on.readyAuthority();
    await until('it is served', async () => (await served()) === on.signerName);
    // Lists and watches; what is read by its name is answered.
    proxy.setFault((request, response, forward) => {
      const blind = /\/certificateauthorities(\?|$)/.test(request.url ?? '');
      if (blind) answer(response, 503, statusBody(503, 'ServiceUnavailable'));
      else forward();
    });
    proxy.cut();
    await admin.delete(certificateAuthorities, on.authority);
    // Else it would be looked at within the minute.
    await until('it is looked at', async () => {
      const body = { metadata: { annotations: { 'example.com/looked-at': `${performance.now()}` } } };
      const target = { name: `${on.authority}-authority-1`, namespace: on.namespace };
      await admin.patch(secrets, target, body, { metadataOnly: true });
      return (await served()) === '';
    });
  } finally {
    await on.stop();
  }
});
