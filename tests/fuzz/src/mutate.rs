// SPDX-License-Identifier: GPL-2.0

//! Mutations of programs.

use crate::program::{Call, Op, Program, MAX_CALLS};
use libafl::{
    corpus::Corpus,
    mutators::{MutationResult, Mutator},
    random_corpus_id,
    state::{HasCorpus, HasRand},
    Error,
};
use libafl_bolts::{rands::Rand, Named};
use std::{borrow::Cow, num::NonZero};

fn below(rand: &mut impl Rand, n: usize) -> usize {
    NonZero::new(n).map_or(0, |n| rand.below(n))
}

/// A random call.
pub fn random_call(rand: &mut impl Rand) -> Call {
    let mut call = Call::from_bytes(rand.next().to_ne_bytes());
    call.op = below(rand, Op::ALL.len()) as u8;
    // Small numbers often have a meaning of their own.
    for field in [
        &mut call.a,
        &mut call.b,
        &mut call.c,
        &mut call.slot,
        &mut call.other,
    ] {
        if below(rand, 2) == 0 {
            *field %= 16;
        }
    }
    if below(rand, 8) != 0 {
        call.fail = 0;
    }
    call
}

/// One change, chosen at random.
pub struct ProgramMutator;

impl ProgramMutator {
    fn insert(rand: &mut impl Rand, calls: &mut Vec<Call>) {
        let at = below(rand, calls.len() + 1);
        let call = random_call(rand);
        calls.insert(at, call);
    }

    /// Changes a field, usually to a new value.
    fn change(rand: &mut impl Rand, call: &mut Call) {
        let new = random_call(rand);
        match below(rand, 9) {
            0 => call.op = new.op,
            1 => call.thread = new.thread,
            2 => call.slot = new.slot,
            3 => call.other = new.other,
            4 => call.a = new.a,
            5 => call.b = new.b,
            6 => call.c = new.c,
            7 => call.fail = (rand.next() % 16) as u8,
            _ => call.a ^= 1 << below(rand, 8),
        }
    }

    /// Copies a few calls of `from` into `calls`.
    fn splice(rand: &mut impl Rand, calls: &mut Vec<Call>, from: &[Call]) {
        let start = below(rand, from.len());
        let length = 1 + below(rand, from.len() - start);
        let at = below(rand, calls.len() + 1);
        calls.splice(at..at, from[start..start + length].iter().copied());
    }
}

impl Named for ProgramMutator {
    fn name(&self) -> &Cow<'static, str> {
        const { &Cow::Borrowed("ProgramMutator") }
    }
}

impl<S> Mutator<Program, S> for ProgramMutator
where
    S: HasRand + HasCorpus<Program>,
{
    fn mutate(&mut self, state: &mut S, input: &mut Program) -> Result<MutationResult, Error> {
        let calls = &mut input.calls;
        let which = below(state.rand_mut(), 12);
        if calls.is_empty() || which < 3 {
            Self::insert(state.rand_mut(), calls);
        } else if which < 5 {
            let at = below(state.rand_mut(), calls.len());
            calls.remove(at);
        } else if which < 9 {
            let at = below(state.rand_mut(), calls.len());
            Self::change(state.rand_mut(), &mut calls[at]);
        } else if which < 10 {
            let from = calls.clone();
            Self::splice(state.rand_mut(), calls, &from);
        } else {
            let id = random_corpus_id!(state.corpus(), state.rand_mut());
            let from = state.corpus().cloned_input_for_id(id)?;
            if from.calls.is_empty() {
                return Ok(MutationResult::Skipped);
            }
            Self::splice(state.rand_mut(), calls, &from.calls);
        }
        calls.truncate(MAX_CALLS);
        Ok(MutationResult::Mutated)
    }
}
