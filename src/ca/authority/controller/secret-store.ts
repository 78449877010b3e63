import { type Authority, authoritySecretName } from '#ca/authority/authority.ts';
import type { NewRoot } from '#ca/authority/root.ts';
import {
  type AuthoritySecret,
  authorityLabel,
  decodeAnnotations,
  decodeAuthority,
  decodeRootKey,
  encodeAuthoritySecret,
  encodeChange,
  readAuthoritySecret,
} from '#ca/authority/secret.ts';
import type { AuthorityOwner, AuthorityStore } from '#ca/authority/store.ts';
import { MangroveError } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { isAlreadyExists, isNotFound } from '#kube/error.ts';
import type { PartialObjectMetadata } from '#kube/object.ts';
import { secrets } from '#kube/resource.ts';
import { createSealed, readSealed } from '#kube/sealed.ts';

export interface SecretStoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Metadata of every Secret with `authorityLabel` in the namespace: no key ever stands in a cache. */
  readonly observed: Cache<PartialObjectMetadata>;
  /** An authority of this owner was read for the first time. */
  readonly onRead: (owner: string) => void;
}

/** Authorities in Secrets, watched by their metadata only; the data is read when a key is needed, and then let go. */
export function createSecretStore({
  client,
  namespace,
  observed,
  onRead,
}: SecretStoreOptions): AuthorityStore {
  /** By UID: the data of an authority's Secret is immutable, so its certificate is read once. */
  const known = new Map<string, Authority>();

  async function readOne(owner: AuthorityOwner, name: string): Promise<AuthoritySecret> {
    try {
      return await readSealed(client, secrets, { namespace, name }, readAuthoritySecret);
    } catch (cause) {
      if (!isNotFound(cause)) throw cause;
      throw new MangroveError('CA_AUTHORITY_MISSING', `Secret ${name} of ${owner.name} is gone`, { cause });
    }
  }

  function remember(owner: AuthorityOwner, authority: Authority): Authority {
    const first = !known.has(authority.secretUid);
    known.set(authority.secretUid, authority);
    if (first) onRead(owner.name);
    return authority;
  }

  /** What was read of this very Secret before, with what its metadata says now. */
  function recall(owner: AuthorityOwner, { metadata }: PartialObjectMetadata): Authority | undefined {
    const before = known.get(metadata.uid ?? '');
    // The same Secret under a CertificateAuthority of the same name and another trust domain is judged anew, and refused.
    if (before === undefined || before.trustDomain !== owner.trustDomain) return undefined;
    const { resourceVersion = before.resourceVersion, annotations = {} } = metadata;
    return { ...before, resourceVersion, ...decodeAnnotations(metadata.name, annotations) };
  }

  function resolve(
    owner: AuthorityOwner,
    secrets: readonly PartialObjectMetadata[],
  ): Promise<readonly Authority[]> {
    const one = async (secret: PartialObjectMetadata): Promise<Authority> =>
      recall(owner, secret) ??
      remember(owner, decodeAuthority(await readOne(owner, secret.metadata.name), owner.trustDomain));
    return Promise.all(secrets.map(one));
  }

  function seen(owner: AuthorityOwner): readonly PartialObjectMetadata[] {
    return observed.list().filter(({ metadata }) => metadata.labels?.[authorityLabel] === owner.name);
  }

  return {
    observed: (owner) => resolve(owner, seen(owner)),

    remembered(owner) {
      const authorities: Authority[] = [];
      for (const secret of seen(owner)) {
        const authority = recall(owner, secret);
        if (authority === undefined) return undefined;
        authorities.push(authority);
      }
      return authorities;
    },

    async read(owner) {
      const { items } = await client.list<PartialObjectMetadata>(secrets, {
        namespace,
        labelSelector: `${authorityLabel}=${owner.name}`,
        metadataOnly: true,
      });
      return resolve(owner, items);
    },

    async create(owner: AuthorityOwner, generation: number, root: NewRoot, createdAt: number) {
      const secret = encodeAuthoritySecret(
        { certificateAuthority: owner.name, namespace, generation, createdAt },
        root,
      );
      try {
        await createSealed(client, secrets, namespace, secret);
      } catch (error) {
        // Another replica, or we ourselves before a crash: theirs is the authority, ours was never seen by anybody.
        if (!isAlreadyExists(error)) throw error;
        await adopt(owner, authoritySecretName(owner.name, generation));
      }
    },

    async write(authority, change) {
      const { secretName: name, secretUid: uid, resourceVersion } = authority;
      // A merge patch of metadata alone: the key travels neither way, and the resourceVersion is the precondition.
      const patch = { metadata: { uid, resourceVersion, annotations: encodeChange(change) } };
      await client.patch(secrets, { name, namespace }, patch, { metadataOnly: true });
    },

    rootKey({ secretName: name, certificate }) {
      return readSealed(client, secrets, { namespace, name }, (json) => decodeRootKey(json, certificate));
    },

    serverTime() {
      const seconds = client.serverTime();
      if (seconds === undefined)
        throw new MangroveError('CA_NOT_READY', 'the API server has not answered yet');
      return seconds;
    },
  };

  /** What already has the name must be an authority of this very owner; anything else would be shadowed for ever. */
  async function adopt(owner: AuthorityOwner, name: string): Promise<void> {
    const secret = await readOne(owner, name);
    if (secret.metadata.labels?.[authorityLabel] !== owner.name) {
      throw new MangroveError(
        'CA_AUTHORITY_FOREIGN',
        `Secret ${name} exists and is not an authority of ${owner.name}`,
      );
    }
    remember(owner, decodeAuthority(secret, owner.trustDomain));
  }
}
