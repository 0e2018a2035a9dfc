// SPDX-License-Identifier: GPL-2.0

//! The first start of an operation.

use super::machine::{
    Operation,
    Target, //
};
use crate::abstractions::file::io::Request;
use kernel::{
    fs::File,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// All that the first start of an operation needs.
pub(crate) struct Start {
    operation: Arc<Operation>,
    /// The file, unless the operation has it.
    file: Option<ARef<File>>,
    request: Request,
}

impl Start {
    /// The start of `operation` with `request`. `file` is that of a [`Target::Descriptor`].
    pub(crate) fn new(
        operation: Arc<Operation>,
        file: Option<ARef<File>>,
        request: Request,
    ) -> Self {
        Self {
            operation,
            file,
            request,
        }
    }

    /// The operation.
    pub(crate) fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// Starts it. Context: like that of [`Operation::start`].
    pub(crate) fn run(self) {
        let target = match &self.file {
            Some(file) => file,
            None => match self.operation.target() {
                Target::File(file) => file,
                Target::Descriptor(_) => return,
            },
        };
        Operation::start(&self.operation, target, &self.request);
    }
}
