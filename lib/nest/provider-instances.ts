import { ContextIdFactory, type ContextId, ModuleRef } from '@nestjs/core';
import { isShared, type ProviderWrapper } from './provider-classes.js';

/** An instance, and what it was made for where it was made for one call. */
export interface ProvidedInstance {
  readonly instance: object;
  readonly contextId: ContextId | undefined;
}

/**
 * Makes the instance of a provider for each call where it is request-scoped or transient.
 * @param fallback resolves for providers of which Nest does not say the module
 */
export async function instanceForCall(
  wrapper: ProviderWrapper,
  fallback: ModuleRef,
  request: object,
): Promise<ProvidedInstance> {
  if (isShared(wrapper)) return { instance: wrapper.instance as object, contextId: undefined };
  // Of its own module: another may provide something else under the same token.
  const moduleRef: ModuleRef = wrapper.host?.getProviderByKey(ModuleRef).instance ?? fallback;
  const contextId = ContextIdFactory.create();
  moduleRef.registerRequestByContextId(request, contextId);
  const instance = await moduleRef.resolve<object>(wrapper.token as string, contextId, { strict: true });
  return { instance, contextId };
}
