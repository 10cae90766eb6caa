//! Sharing an object with another process without a name: a token leads there as a name would (contract 2.3, DH12).
//!
//! A token says which object it is and where, and is neither a secret nor a reference: who may use the namespace may open its objects anyway, and the object
//! lives as long as handles to it, of which one must be open until the token is used.

use super::namespace::{Namespace, Profile};
use super::{Access, Handle, HandleRef, Kind, QueueEnd};
use crate::arena::refs::ObjectRef;
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{Opened, right};
use crate::index;
use crate::name::quoted;
use crate::owner;
use crate::space::{self, Space};

/// What a token says, in the order in which it stands there.
struct Token {
    /// Device and inode of the namespace's file.
    file: (u64, u64),
    at: ObjectRef,
    profile: Profile,
    session: Option<String>,
}

const PREFIX: &str = "byname-1";

impl Token {
    fn text(&self) -> String {
        let profile = if self.profile == Profile::Ce { 'c' } else { 'd' };
        let (dev, ino) = self.file;
        let ObjectRef { index, generation } = self.at;
        format!("{PREFIX}:{dev:x}:{ino:x}:{index:x}:{generation:x}:{profile}:{}", self.session.as_deref().unwrap_or_default())
    }

    fn parse(text: &str) -> Option<Token> {
        let mut parts = text.split(':');
        let mut next = || parts.next();
        if next()? != PREFIX {
            return None;
        }
        let mut number = || u64::from_str_radix(next()?, 16).ok();
        let (file, index, generation) = ((number()?, number()?), number()?, number()?);
        let at = ObjectRef { index: index.try_into().ok()?, generation: generation.try_into().ok()? };
        let profile = match next()? {
            "d" => Profile::Desktop,
            "c" => Profile::Ce,
            _ => return None,
        };
        let session = next().filter(|session| !session.is_empty()).map(str::to_owned);
        next().is_none().then_some(Token { file, at, profile, session })
    }

    fn space(&self) -> Result<&'static Space> {
        let known = space::all().find(|space| space.arena.identity() == self.file);
        let space = known.map_or_else(|| space::of_session(self.session.as_deref()), Ok)?;
        if space.arena.identity() == self.file {
            return Ok(space);
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "the token is of another namespace than {}; give both processes the same user and BYNAME_DIR, and use it while its maker lives",
                space.arena.path.display()
            ),
        ))
    }
}

impl HandleRef {
    /// A token by which another process of the same user opens the object, named or not, with [`from_share`]: text, to be passed in whatever way. A handle
    /// to the object must be open until then. Unsupported (50) for a process, which is opened by its pid, and for notifications.
    pub fn share(self) -> Result<String> {
        let Opened { space, target, rights } = self.0.open(0)?;
        let why = match Kind::of(target.machine) {
            Kind::Process => Some("a process is shared by its pid; pass that, and open it there"),
            _ if rights & right::NOTICES != 0 => Some("what a job tells is told to one process; share the job, and ask it there"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let profile = if rights & right::CE != 0 { Profile::Ce } else { Profile::Desktop };
        Ok(Token { file: space.arena.identity(), at: target.at, profile, session: space.session.clone() }.text())
    }
}

/// Opens the object of a token that [`HandleRef::share`] gave, here or in another process; of `kind`, where one is given, else of any. Of a queue it is that
/// `end`.
///
/// InvalidArgument (87) for what is no token; NotFound (2) where the object has ended, or its namespace is not this process's; WrongKind (6); those of
/// [`Namespace::open`].
pub fn from_share(token: &str, kind: Option<Kind>, end: QueueEnd, access: Access) -> Result<Handle> {
    let wrong = || Error::invalid_argument(format!("{} is no token; pass what share() gave", quoted(token)));
    let token = Token::parse(token).ok_or_else(wrong)?;
    let namespace = Namespace::over(token.space()?).profile(token.profile)?;
    namespace.space.check()?;
    let cx = owner::current(namespace.space)?;
    let gone = || Error::new(ErrorKind::NotFound, "the shared object has ended; keep a handle to it open until the token is used");
    let target = index::enter(cx, token.at)?.ok_or_else(gone)?;
    let found = Kind::of(target.machine);
    if found == Kind::Process || kind.is_some_and(|kind| kind != found) {
        let error = Error::new(ErrorKind::WrongKind, format!("the token is of the {}", index::describe(cx.space, target)));
        index::leave(cx, target.at)?;
        return Err(error);
    }
    namespace.handle_to(cx, target, end, access)
}
