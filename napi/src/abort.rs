//! [`Abort`]: what ends an operation early: its `AbortSignal`, or the end of its JavaScript environment.

use cargo_packager_updater::{CancellationToken, Result};
use napi::{
    Env, JsValue, Unknown,
    bindgen_prelude::{FnArgs, Function, FunctionRef, JsObjectValue, ObjectRef},
    threadsafe_function::UnknownReturnValue,
};

use crate::value::Given;

type Listener = FunctionRef<(), ()>;
type ListenerArgs<'env> = FnArgs<(&'static str, Function<'env, (), ()>)>;

pub(crate) struct Abort {
    token: CancellationToken,
    signal: Option<(ObjectRef<false>, Listener)>,
}

impl Abort {
    /// Ends only with the environment.
    pub(crate) fn none(env: &Env) -> Self {
        Self { token: environment(env).child_token(), signal: None }
    }

    pub(crate) fn follow(env: &Env, signal: Option<Given>) -> Result<Self> {
        let mut abort = Self::none(env);
        let Some(signal) = signal else { return Ok(abort) };
        let object = signal.object()?;
        // No event comes for what has happened already.
        if signal.member("aborted")?.map_or(Ok(false), |aborted| aborted.boolean())? {
            abort.token.cancel();
        }
        let token = abort.token.clone();
        let listener = signal.read(env.create_function_from_closure("abort", move |_| {
            token.cancel();
            Ok(())
        }))?;
        let add = signal.method::<ListenerArgs, UnknownReturnValue>("addEventListener")?;
        signal.method::<ListenerArgs, UnknownReturnValue>("removeEventListener")?;
        let listener_ref = signal.read(listener.create_ref())?;
        signal.read(add.apply(object, ("abort", listener).into()))?;
        abort.signal = Some((signal.read(object.create_ref())?, listener_ref));
        Ok(abort)
    }

    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Stops listening. Gives the signal's reason, which is what an aborted operation rejects with.
    pub(crate) fn finish(self, env: &Env) -> Option<napi::Error> {
        let (reference, listener) = self.signal?;
        let object = reference.get_value(env).ok()?;
        let signal = Given::argument(env, "signal", object.to_unknown());
        let removed =
            signal.method::<ListenerArgs, UnknownReturnValue>("removeEventListener").and_then(|remove| {
                let listener = signal.read(listener.borrow_back(env))?;
                signal.read(remove.apply(object, ("abort", listener).into()))
            });
        let reason = signal.read(object.get_named_property::<Unknown>("reason"));
        let released = reference.unref(env);
        (removed.is_ok() && released.is_ok())
            .then_some(reason.ok()?)
            .map(napi::Error::from_unknown_without_coercion)
    }
}

/// Cancelled when the environment ends, so that a terminated worker leaves no transfer behind.
pub(crate) fn environment(env: &Env) -> CancellationToken {
    if let Ok(Some(token)) = env.get_instance_data::<CancellationToken>() {
        return token.clone();
    }
    let token = CancellationToken::new();
    let set = env.set_instance_data(token.clone(), (), |context| context.value.cancel());
    debug_assert!(set.is_ok(), "napi refused the instance data: {set:?}");
    token
}
