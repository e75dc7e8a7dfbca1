//! The tokens of what an event loop waits for besides its connections.

use crate::reactor::Token;

pub(super) const ACCEPTOR: Token = Token::special(0);
pub(super) const SIGNALS: Token = Token::special(1);
pub(super) const STOP: Token = Token::special(2);
pub(super) const DRAIN: Token = Token::special(3);
pub(super) const SHARED_SOCKETS: Token = Token::special(4);
