/**
 * extras - grpc.health.v1 and reflection (v1, v1alpha), made once for all connections
 *
 * What the packages serve is mended in two places: their health service remembers every name that was ever watched, and
 * their reflection answers faster than a client reads.
 */
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  Server,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath } from 'grpc-health-check';
import { FILE, OPTIONS } from './contract.js';
import { describe } from './descriptors.js';
import { SERVICE } from './well-known.js';

/** The names that are watched: the service, and all of it. */
const NAMES: readonly string[] = ['', SERVICE];

/** Takes services and serves nobody. */
class Collector extends Server {
  readonly services: [ServiceDefinition, UntypedServiceImplementation][] = [];

  override addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.services.push([definition, implementation]);
  }
}

type HealthWatch = handleServerStreamingCall<{ readonly service: string }, { readonly status: string }>;
type Dialogue = handleBidiStreamingCall<unknown, unknown>;

const mended: Readonly<Record<string, (handler: unknown) => unknown>> = {
  watch: (handler): HealthWatch => {
    const watch = handler as HealthWatch;
    return (call) => {
      if (NAMES.includes(call.request.service)) watch(call);
      else call.write({ status: 'SERVICE_UNKNOWN' });
    };
  },
  ServerReflectionInfo: (handler): Dialogue => {
    const answer = handler as Dialogue;
    return (call) => {
      const write = call.write.bind(call) as (message: unknown) => boolean;
      call.write = (message: unknown): boolean => {
        const isRead = write(message);
        if (!isRead) call.pause().once('drain', () => call.resume());
        return isRead;
      };
      answer(call);
    };
  },
};

export class Extras {
  readonly #health = new HealthImplementation(Object.fromEntries(NAMES.map((name) => [name, 'SERVING'])));
  readonly #services: [ServiceDefinition, UntypedServiceImplementation][];

  constructor() {
    const collector = new Collector({ 'grpc.enable_channelz': 0 });
    this.#health.addToServer(collector);
    new ReflectionService(describe([FILE, protoPath], OPTIONS)).addToServer(collector);
    this.#services = collector.services.map(([definition, implementation]) => [
      definition,
      Object.fromEntries(
        Object.entries(implementation).map(([name, handler]) => [name, mended[name]?.(handler) ?? handler]),
      ) as UntypedServiceImplementation,
    ]);
  }

  addTo(server: Server): void {
    for (const [definition, implementation] of this.#services) server.addService(definition, implementation);
  }

  /** Tells all who watch that the service is about to end. */
  end(): void {
    for (const name of NAMES) this.#health.setStatus(name, 'NOT_SERVING');
  }
}
