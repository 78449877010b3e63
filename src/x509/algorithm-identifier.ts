import { type DerReader, readDer } from '#x509/der/reader.ts';
import { Tag } from '#x509/der/tag.ts';
import { X509Error } from '#x509/error.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from '#x509/signature-algorithm.ts';

const isSignatureAlgorithm = (name: string): name is SignatureAlgorithm =>
  Object.hasOwn(signatureAlgorithms, name);

const names = Object.keys(signatureAlgorithms).filter(isSignatureAlgorithm);
const oids = new Set(names.map((name) => signatureAlgorithms[name].oid));

/** Reads the next element as the AlgorithmIdentifier of a signature: exactly the bytes of the registry. */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  for (const name of names) if (reader.accept(signatureAlgorithms[name].der)) return name;
  throw readDer(reader.element(Tag.sequence), (outer) => outer.within(Tag.sequence, diagnose));
}

function diagnose(identifier: DerReader): X509Error {
  const oid = identifier.oid();
  while (!identifier.atEnd) identifier.anyElement();
  return oids.has(oid)
    ? new X509Error('SIGNATURE_PARAMETERS_INVALID', `the signature algorithm ${oid} with wrong parameters`)
    : new X509Error('SIGNATURE_ALGORITHM_UNSUPPORTED', `the signature algorithm ${oid}`);
}
