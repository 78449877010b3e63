import { z } from 'zod';
import { type Rule, withRules } from '#errors/validation.ts';

/**
 * A text that must match: a CEL rule and not a `pattern`, because of a pattern the API server says only the
 * expression. Written without a backslash, which CEL would take for an escape of its own.
 */
export function matching(expression: string, message: string): Rule<string> {
  const compiled = new RegExp(expression);
  return { cel: `self.matches('${expression}')`, message, holds: (text) => compiled.test(text) };
}

const subdomain = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

/** DNS-1123 subdomain as Kubernetes reads it (IsDNS1123Subdomain); the length, at most 253, is a check of its own. */
export const dnsSubdomain = new RegExp(subdomain);

/** The name of an object, for rooms that are about to use it as one. */
export function objectNameField(max: number, what: string): z.ZodString {
  return withRules(z.string().min(1).max(max), [matching(subdomain, `must be ${what}`)]);
}

/** SPIFFE trust domain name (SPIFFE-ID §2.1): the characters and the length; x509/ has the last word. */
export const trustDomainField = withRules(z.string().min(1).max(255), [
  matching('^[a-z0-9._-]+$', 'must be lower-case letters, digits, dots, dashes and underscores'),
]);

const label = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';

/** `domain/name` of certificates.k8s.io (k8s.io/kubernetes pkg/apis/core/validation, ValidateSignerName). */
const signerName = z.string().min(1).max(571);
const signerNameSyntax = matching(
  `^${label}([.]${label})+/${label}([.]${label})*$`,
  'must be of the form example.com/name, in lower case',
);

const domainLength: Rule<string> = {
  cel: "self.indexOf('/') <= 253",
  message: 'the domain of a signer name has at most 253 characters',
  holds: (name) => name.indexOf('/') <= 253,
};

/** The cluster's own signers: kube-controller-manager deletes bundles of strangers under some of them. */
const notReserved: Rule<string> = {
  cel: "!self.matches('(^|[.])kubernetes[.]io/')",
  message: 'kubernetes.io and its subdomains are reserved for Kubernetes itself: use a domain of your own',
  holds: (name) => !/(^|[.])kubernetes[.]io\//.test(name),
};

/** Foreign roots are published under this domain, one name per trust domain; no root of ours may be among them. */
const notPeer: Rule<string> = {
  cel: "!self.startsWith('peers.mangrove.dev/')",
  message: 'peers.mangrove.dev is reserved for the roots of other trust domains: use another domain',
  holds: (name) => !name.startsWith('peers.mangrove.dev/'),
};

/** A signer name that bundles may be published under. */
export const signerNameField = withRules(signerName, [signerNameSyntax, domainLength, notReserved]);

/** A signer name that we may sign for. */
export const ownSignerNameField = withRules(signerName, [
  signerNameSyntax,
  domainLength,
  notReserved,
  notPeer,
]);
