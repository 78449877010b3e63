import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '#ops/config.ts';
import { built, file, find } from './installation.ts';

const labels = z.record(z.string(), z.string());
const probe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }),
  timeoutSeconds: z.number(),
});
const statefulSet = z.object({
  replicas: z.number(),
  serviceName: z.string(),
  selector: z.object({ matchLabels: labels }),
  volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
  template: z.object({
    metadata: z.object({ labels }),
    spec: z.object({
      serviceAccountName: z.string(),
      terminationGracePeriodSeconds: z.number(),
      automountServiceAccountToken: z.boolean(),
      enableServiceLinks: z.boolean(),
      securityContext: z.unknown(),
      containers: z.tuple([
        z.object({
          image: z.string(),
          args: z.array(z.string()),
          env: z.array(z.object({ name: z.string(), valueFrom: z.unknown() })),
          ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
          livenessProbe: probe,
          readinessProbe: probe,
          securityContext: z.unknown(),
          volumeMounts: z.array(
            z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }),
          ),
        }),
      ]),
      volumes: z.array(
        z.object({
          name: z.string(),
          configMap: z.object({ name: z.string() }).optional(),
          projected: z.object({ sources: z.array(z.unknown()) }).optional(),
        }),
      ),
    }),
  }),
});

const manifests = await built();
const set = statefulSet.parse(find(manifests, 'StatefulSet').spec);
const { spec: pod, metadata } = set.template;
const [container] = pod.containers;
const configMap = find(manifests, 'ConfigMap');
const config = parseConfig(configMap.data?.['config.yaml'] ?? '', {
  environment: Object.fromEntries(container.env.map(({ name }) => [name, 'mangrove-0'])),
  flags: {},
});

test('a replica reads the shipped configuration, and its name from its pod', () => {
  expect(config.replica).toBe('mangrove-0');
  expect(container.env).toContainEqual({
    name: 'MANGROVE_REPLICA',
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
  });
  const volume = pod.volumes.find((one) => one.configMap?.name === configMap.metadata.name);
  const mount = container.volumeMounts.find(({ name }) => name === volume?.name);
  expect(container.args).toEqual(['controller', '--config', `${mount?.mountPath}/config.yaml`]);
});

test('the ledger lies on the volume of the replica', () => {
  const [claim] = set.volumeClaimTemplates;
  const mount = container.volumeMounts.find(({ name }) => name === claim?.metadata.name);
  expect(config.ledger.path.startsWith(`${mount?.mountPath}/`)).toBe(true);
});

test('the probes ask where the health server listens, and wait longer than it does', () => {
  const { name, containerPort } = container.ports[0] ?? {};
  expect(containerPort).toBe(config.http.port);
  expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: name });
  expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: name });
  expect(container.readinessProbe.timeoutSeconds).toBeGreaterThan(2);
});

test('there is time to drain before the kubelet kills', () => {
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(config.drainSeconds);
});

test('the container can change nothing but its ledger, and has no right that it does not need', () => {
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const writable = container.volumeMounts.filter(({ readOnly }) => readOnly !== true);
  expect(writable.map(({ name }) => name)).toEqual(
    set.volumeClaimTemplates.map(({ metadata: { name } }) => name),
  );
});

test('the token is one that ends with the pod, and the environment tells no addresses of services', () => {
  expect([pod.automountServiceAccountToken, pod.enableServiceLinks]).toEqual([false, false]);
  const token = pod.volumes.find(({ name }) => name === 'token');
  expect(token?.projected?.sources).toContainEqual({
    serviceAccountToken: { path: 'token', expirationSeconds: 3600 },
  });
});

test('everything that selects the pods selects them', () => {
  const selectors = z.object({
    podSelector: z.object({ matchLabels: labels.optional() }).optional(),
    selector: z.union([z.object({ matchLabels: labels }), labels]).optional(),
  });
  const selecting = ['Service', 'PodDisruptionBudget', 'NetworkPolicy', 'StatefulSet'];
  const found = manifests.filter(
    ({ kind, metadata: { name } }) => selecting.includes(kind) && name === 'mangrove',
  );
  expect(found).toHaveLength(selecting.length);
  for (const { spec } of found) {
    const { podSelector, selector } = selectors.parse(spec);
    const wanted = podSelector?.matchLabels ?? selector?.['matchLabels'] ?? selector;
    expect(metadata.labels).toMatchObject(labels.parse(wanted));
  }
});

test('the image is this version', () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(file('package.json')));
  expect(container.image).toBe(`mangrove:${version}`);
});

test('nothing but namespaces stands outside of a namespace that Mangrove owns, and default holds no more than events', () => {
  const namespaces = new Set(manifests.map((one) => one.metadata.namespace));
  expect(namespaces).toEqual(new Set([undefined, 'mangrove-system', 'mangrove-trust', 'default']));
  const inDefault = manifests.filter((one) => one.metadata.namespace === 'default');
  expect(inDefault.map(({ kind, metadata: { name } }) => `${kind}/${name}`)).toEqual([
    'Role/mangrove-events',
    'RoleBinding/mangrove-events',
  ]);
});
