import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import {
  type CertificateHolding,
  certificatesIn,
  type Holding,
  statusCertificates,
  statusHolding,
  textHolding,
} from '#bundles/bundle/holding.ts';
import { type Place, valueAt } from '#bundles/bundle/place.ts';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { TRUST_DOMAIN_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { Cluster, ClusterOptions } from '#cli/bundle/cluster.ts';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';

/** Reads places for one run of the command. Nothing of a cluster is loaded, read or asked unless a place is in one. */
export class PlaceReader {
  readonly #options: ClusterOptions;
  #opened: Promise<Cluster> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** What a place holds; of a TrustBundle, what its status says. */
  async holding(place: Place): Promise<Holding> {
    const { text } = place;
    if (place.kind === 'TrustBundle')
      return statusHolding(text, await (await this.#cluster()).trustBundle(place.name));
    return textHolding(text, (await this.#pem(place)).pem);
  }

  /** The same with the certificates themselves. */
  async certificates(place: Place): Promise<CertificateHolding> {
    const { text } = place;
    if (place.kind === 'TrustBundle') {
      const cluster = await this.#cluster();
      const bundle = await cluster.trustBundle(place.name);
      return statusCertificates(text, bundle, await publishedBy(bundle, cluster));
    }
    const { pem, trustDomain } = await this.#pem(place);
    return { place: text, trustDomain, certificates: certificatesIn(text, pem) };
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.close();
  }

  #cluster(): Promise<Cluster> {
    this.#opened ??= import('#cli/bundle/cluster.ts').then(({ openCluster }) => openCluster(this.#options));
    return this.#opened;
  }

  async #pem(
    place: Exclude<Place, { kind: 'TrustBundle' }>,
  ): Promise<{ readonly pem: string | Buffer; readonly trustDomain: string | undefined }> {
    switch (place.kind) {
      case 'ClusterTrustBundle': {
        const cluster = await this.#cluster();
        const { metadata, spec } = await cluster.clusterTrustBundle(place.name);
        return { pem: spec.trustBundle, trustDomain: metadata.annotations?.[TRUST_DOMAIN_ANNOTATION] };
      }
      case 'ConfigMap': {
        const cluster = await this.#cluster();
        const object = await cluster.configMap(place.namespace, place.name);
        return { pem: valueAt(place.text, place.key, object), trustDomain: undefined };
      }
      case 'file':
        return { pem: await readFile(place.path), trustDomain: undefined };
      case 'stdin':
        return { pem: await readFrom('standard input', process.stdin), trustDomain: undefined };
      default:
        return place satisfies never;
    }
  }
}

/** What its ClusterTrustBundles and ConfigMaps hold; one that is gone, or cannot be served, holds nothing. */
async function publishedBy({ status }: TrustBundle, cluster: Cluster): Promise<string[]> {
  const texts = (status?.targets ?? []).map(async ({ kind, name }) => {
    if (kind === 'clusterTrustBundle') return publishedAt(name, cluster);
    return kind === 'configMap' ? cluster.placed(name) : [];
  });
  return (await Promise.all(texts)).flat();
}

async function publishedAt(name: string, cluster: Cluster): Promise<string[]> {
  try {
    return [(await cluster.clusterTrustBundle(name)).spec.trustBundle];
  } catch (error) {
    const code = errorCode(error);
    if (code === 'KUBE_NOT_FOUND' || code === 'BUNDLE_API_ABSENT') return [];
    throw error;
  }
}

/** @throws MangroveError PLACE_UNREADABLE */
function readFile(path: string): Promise<Buffer> {
  return readFrom(path, createReadStream(path, { end: MAX_BUNDLE_BYTES }));
}

/** One byte more than may be: enough to see that it is too long, whatever else stands in it. */
async function readFrom(what: string, stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BUNDLE_BYTES) break;
    }
  } catch (cause) {
    throw new MangroveError('PLACE_UNREADABLE', `${what}: ${errorMessage(cause)}`, { cause });
  }
  return Buffer.concat(chunks);
}
