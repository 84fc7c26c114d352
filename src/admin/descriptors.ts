/**
 * descriptors - the service's definition, as reflection tells it to clients that have no proto file
 *
 * Field names as the file has them, and what proto-loader leaves out (grpc-node issue 2595): which file needs which.
 * Without that, clients that check what they are told (Python, grpcurl) refuse it.
 */
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';

/** A serialised FileDescriptorProto, which begins with its name and package (fields 1 and 2, both short). */
const HEAD = /^\n([^])([^]+?)\x12([^])/;
const WELL_KNOWN = 'google.protobuf';
/** The key of field 3, `dependency`. */
const DEPENDENCY = 0x1a;

interface File {
  readonly bytes: Buffer;
  readonly name: string;
  readonly packageName: string;
}

function fileOf(bytes: Buffer): File {
  const text = bytes.toString('latin1');
  const [, nameLength = '', , packageLength = ''] = HEAD.exec(text) ?? [];
  const nameEnd = 2 + nameLength.charCodeAt(0);
  const packageStart = nameEnd + 2;
  return {
    bytes,
    name: text.slice(2, nameEnd),
    packageName: text.slice(packageStart, packageStart + packageLength.charCodeAt(0)),
  };
}

/** The file with the names of those it needs: ours, and those of health, take types from the well-known ones alone. */
function linked(file: File, others: readonly File[]): Buffer {
  const needed = file.bytes.includes('protobuf.')
    ? others.filter(({ name, packageName }) => name !== file.name && packageName === WELL_KNOWN)
    : [];
  const fields = needed.map(({ name }) => Buffer.from([DEPENDENCY, name.length, ...Buffer.from(name)]));
  return Buffer.concat([file.bytes, ...fields]);
}

/** Loads proto files for reflection. */
export function describe(files: readonly string[], options: Options): PackageDefinition {
  const definition = loadSync([...files], { ...options, keepCase: true });
  const all = new Map<string, File>();
  for (const entry of Object.values(definition)) {
    if (!Array.isArray(entry['fileDescriptorProtos'])) continue;
    for (const bytes of entry['fileDescriptorProtos']) {
      const file = fileOf(bytes);
      all.set(file.name, file);
    }
  }
  const protos = [...all.values()].map((file) => linked(file, [...all.values()]));
  return Object.fromEntries(
    Object.entries(definition).map(([name, entry]) => [
      name,
      'fileDescriptorProtos' in entry ? { ...entry, fileDescriptorProtos: protos } : entry,
    ]),
  ) as PackageDefinition;
}
