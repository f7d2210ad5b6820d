//! [`Given`]: a value that came from JavaScript, read without ever throwing.
//!
//! napi's own argument conversions throw synchronously, wrap numbers silently, and leave the exception of a hostile
//! getter pending; every reading here gives an error that names the option instead.

use std::{fmt, ptr};

use cargo_packager_updater::{Error, Result};
use napi::{
    Env, JsValue, KeyCollectionMode, KeyConversion, KeyFilter, Unknown, ValueType,
    bindgen_prelude::{
        ArrayBuffer, FromNapiValue, Function, JsObjectValue, JsValuesTupleIntoVec, Object, Uint8ArraySlice,
    },
    sys,
};

use crate::misspelt;

const NUMBER_MAX: f64 = 9_007_199_254_740_991.0; // Number.MAX_SAFE_INTEGER
const SHOWN_MAX_CHARS: usize = 80;
const BYTES_EXPECTED: &str = "must be an ArrayBuffer or a Uint8Array, not shared";

/// A value and its name in error messages: `endpoints[1]`, `headers["X-A"]`.
#[derive(Clone)]
pub(crate) struct Given<'env> {
    pub(crate) env: &'env Env,
    pub(crate) value: Unknown<'env>,
    name: String,
    /// An argument's members go by their own name: `target`, not `options.target`.
    is_argument: bool,
}

impl<'env> Given<'env> {
    pub(crate) fn argument(env: &'env Env, name: &str, value: Unknown<'env>) -> Self {
        Self { env, value, name: name.to_owned(), is_argument: true }
    }

    fn part(&self, name: String, value: Unknown<'env>) -> Self {
        Self { env: self.env, value, name, is_argument: false }
    }

    pub(crate) fn renamed(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(crate) fn kind(&self) -> ValueType {
        self.value.get_type().unwrap_or(ValueType::Unknown)
    }

    /// Nothing where it was left out. `null` is a value.
    pub(crate) fn present(self) -> Option<Self> {
        (self.kind() != ValueType::Undefined).then_some(self)
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::InvalidOption { option: self.name.clone(), value: self.to_string(), reason: reason.into() }
    }

    pub(crate) fn string(&self) -> Result<String> {
        if self.kind() != ValueType::String {
            return Err(self.refuse("must be a string"));
        }
        self.text().ok_or_else(|| self.refuse("holds half of a surrogate pair"))
    }

    pub(crate) fn boolean(&self) -> Result<bool> {
        if self.kind() != ValueType::Boolean {
            return Err(self.refuse("must be true or false"));
        }
        self.read(self.value.coerce_to_bool())
    }

    pub(crate) fn whole_number(&self) -> Result<u64> {
        let number = match self.kind() {
            ValueType::Number => {
                self.read(self.value.coerce_to_number().and_then(|number| number.get_double()))?
            }
            _ => return Err(self.refuse("must be a number")),
        };
        if !(0.0..=NUMBER_MAX).contains(&number) || number.fract() != 0.0 {
            return Err(self.refuse("must be a whole number from 0 to 2^53 - 1"));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked above"
        )]
        Ok(number as u64)
    }

    pub(crate) fn object(&self) -> Result<Object<'env>> {
        if self.kind() != ValueType::Object || self.read(self.value.is_array())? {
            return Err(self.refuse("must be an object"));
        }
        self.read(self.value.coerce_to_object())
    }

    /// The options of a call, where they were not left out; `names` are those that there are.
    pub(crate) fn options(&self, names: &[&str]) -> Result<Option<Self>> {
        self.clone().present().map(|options| options.refuse_misspelt(names).map(|()| options)).transpose()
    }

    /// Refuses a member that is nearly one of the options: who misspells a demand for more security must not go without.
    /// Others are the application's own, and only the names that it has given itself are looked at.
    pub(crate) fn refuse_misspelt(&self, options: &[&str]) -> Result<()> {
        let names = self.own_names(KeyFilter::SkipSymbols)?.elements()?;
        for name in names.iter().filter_map(Given::text) {
            if let Some(meant) = misspelt::meant(&name, options) {
                let reason = format!("there is no such option; `{meant}` was probably meant");
                let (option, value) = (self.name_of_member(&name), format!("{name:?}"));
                return Err(Error::InvalidOption { option, value, reason });
            }
        }
        Ok(())
    }

    fn name_of_member(&self, key: &str) -> String {
        if self.is_argument { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// A property of an object, where it has one.
    pub(crate) fn member(&self, key: &str) -> Result<Option<Self>> {
        let name = self.name_of_member(key);
        let object = self.object()?;
        let value = self.part(name.clone(), self.value).read(object.get_named_property(key))?;
        Ok(self.part(name, value).present())
    }

    pub(crate) fn strings(&self) -> Result<Vec<String>> {
        self.elements()?.iter().map(Self::string).collect()
    }

    fn elements(&self) -> Result<Vec<Self>> {
        let array = match self.kind() {
            ValueType::Object if self.read(self.value.is_array())? => {
                self.read(self.value.coerce_to_object())?
            }
            _ => return Err(self.refuse("must be an array of strings")),
        };
        (0..self.read(array.get_array_length())?)
            .map(|index| {
                let value = self.read(array.get_element::<Unknown>(index))?;
                Ok(self.part(format!("{}[{index}]", self.name), value))
            })
            .collect()
    }

    fn own_names(&self, filter: KeyFilter) -> Result<Self> {
        let names = self.read(self.object()?.get_all_property_names(
            KeyCollectionMode::OwnOnly,
            filter,
            KeyConversion::NumbersToStrings,
        ))?;
        Ok(self.part(self.name.clone(), names.to_unknown()))
    }

    /// The own members of an object that maps names to strings.
    pub(crate) fn string_map(&self) -> Result<Vec<(String, String)>> {
        // A Map or a Headers has no own members: taking it for an empty object would drop every header.
        if self.member("entries")?.is_some_and(|entries| entries.kind() == ValueType::Function) {
            return Err(self.refuse("must be a plain object: use Object.fromEntries()"));
        }
        let object = self.object()?;
        let keys = self.own_names(KeyFilter::Enumerable)?.strings()?;
        keys.into_iter()
            .map(|key| {
                if key.contains('\0') {
                    return Err(self.refuse("a name holds a zero byte"));
                }
                let value = self.read(object.get_named_property::<Unknown>(&key))?;
                let text = self.part(format!("{}[{key:?}]", self.name), value).string()?;
                Ok((key, text))
            })
            .collect()
    }

    pub(crate) fn is_nullish(&self) -> bool {
        matches!(self.kind(), ValueType::Undefined | ValueType::Null)
    }

    pub(crate) fn function<Args, Return>(&self) -> Result<Function<'env, Args, Return>>
    where
        Args: JsValuesTupleIntoVec,
        Return: FromNapiValue,
    {
        match self.kind() {
            ValueType::Function => self.cast(),
            _ => Err(self.refuse("must be a function")),
        }
    }

    /// A method of an object, not bound to it.
    pub(crate) fn method<Args, Return>(&self, key: &str) -> Result<Function<'env, Args, Return>>
    where
        Args: JsValuesTupleIntoVec,
        Return: FromNapiValue,
    {
        let member = self.member(key)?.ok_or_else(|| self.refuse(format!("has no function `{key}`")))?;
        member.function()
    }

    /// A copy of the bytes: JavaScript may change or detach the original as soon as the call is over.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        let bytes = if self.read(self.value.is_arraybuffer())? {
            self.cast::<ArrayBuffer>()?.to_vec()
        } else if self.read(self.value.is_typedarray())? && !self.is_shared()? {
            let slice = self.cast::<Uint8ArraySlice>();
            slice.map_err(|_| self.refuse(BYTES_EXPECTED))?.to_vec()
        } else {
            return Err(self.refuse(BYTES_EXPECTED));
        };
        if bytes.is_empty() {
            return Err(self.refuse("is empty or detached"));
        }
        Ok(bytes)
    }

    /// Whether another thread may be writing.
    fn is_shared(&self) -> Result<bool> {
        let buffer = self.member("buffer")?;
        buffer.map_or(Ok(true), |buffer| self.read(buffer.value.is_arraybuffer()).map(|is_own| !is_own))
    }

    /// The outcome of running JavaScript: an exception that it left is cleared, else it would be thrown by whatever
    /// napi call comes next.
    pub(crate) fn read<T>(&self, outcome: napi::Result<T>) -> Result<T> {
        outcome.map_err(|_| {
            clear_exception(self.env);
            self.refuse("reading it threw an exception")
        })
    }

    #[allow(unsafe_code, reason = "napi has no safe way to read a value as what it was found to be")]
    fn cast<V: FromNapiValue>(&self) -> Result<V> {
        // SAFETY: both callers have just asked for the value's type, and napi checks the kind of a typed array itself.
        self.read(unsafe { self.value.cast() })
    }

    fn text(&self) -> Option<String> {
        // Not by way of UTF-8, where half a surrogate pair would silently become another character.
        let text = self.value.coerce_to_string().and_then(|text| text.into_utf16()).ok()?;
        text.as_str().ok()
    }
}

/// For error messages. Objects are only named: showing them would run their code.
impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match (kind, self.text_of_primitive(kind)) {
            (ValueType::String, Some(text)) => {
                write!(f, "{:?}", text.chars().take(SHOWN_MAX_CHARS).collect::<String>())
            }
            (_, Some(text)) => f.write_str(&text),
            (ValueType::Object, None) if self.value.is_array().unwrap_or(false) => f.write_str("an array"),
            (kind, None) => write!(f, "{}", kind.to_string().to_lowercase()),
        }
    }
}

impl Given<'_> {
    fn text_of_primitive(&self, kind: ValueType) -> Option<String> {
        use ValueType::{BigInt, Boolean, Null, Number, String, Undefined};
        matches!(kind, String | Number | Boolean | BigInt | Null | Undefined).then(|| self.text())?
    }
}

#[allow(unsafe_code, reason = "napi has no safe way to take back an exception")]
fn clear_exception(env: &Env) {
    let mut exception = ptr::null_mut();
    // SAFETY: `env` is the environment of the running call, on its own thread, and `exception` outlives this call.
    // Without a pending exception it only writes `undefined`.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &raw mut exception) };
}
