import { type ErrorRows, misconfigured } from '#errors/row.ts';

/** Codes of what is given at the command line; nobody but the person there ever sees them. */
export const cliErrors = {
  PLACE_SYNTAX: misconfigured(
    'PlaceSyntax',
    'Name a place as TrustBundle/NAME, ClusterTrustBundle/NAME, ConfigMap/NAMESPACE/NAME or ConfigMap/NAMESPACE/NAME/KEY, as the path of a file, or as - for standard input.',
  ),
  PLACE_UNREADABLE: misconfigured(
    'PlaceUnreadable',
    'Name a file that exists and that you may read, or an object as TrustBundle/NAME, ClusterTrustBundle/NAME or ConfigMap/NAMESPACE/NAME.',
  ),
  PLACE_KEY_MISSING: misconfigured(
    'PlaceKeyMissing',
    'Name a key that the ConfigMap has: ConfigMap/NAMESPACE/NAME/KEY. Without one ca.crt is read, or the only key.',
  ),
  PLACE_EMPTY: misconfigured(
    'PlaceEmpty',
    'Look at its conditions with `mangrove bundle show`: nothing was published yet, or no controller runs.',
  ),
  PLACE_INCOMPLETE: misconfigured(
    'PlaceIncomplete',
    'Name the place that holds the certificates themselves, such as a target of the TrustBundle: its status has their fingerprints only.',
  ),
  VERIFY_TRUST_DOMAIN: misconfigured(
    'TrustDomainMismatch',
    'Verify it against the bundle of its own trust domain: a peer chooses the bundle by the trust domain of the SPIFFE ID.',
  ),
} as const satisfies ErrorRows<string>;
