/** `true` where each type is assignable to the other. */
export type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

export function expect<_Holds extends true>(): void {}
