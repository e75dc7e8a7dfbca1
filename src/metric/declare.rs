//! How an entry of the table becomes a [`Metric`](super::Metric) and its [`Spec`](super::Spec).

// The columns are explained where the table is, in `table/mod.rs`.
macro_rules! metrics {
    (: $( $(#[doc = $help:literal])+ $variant:ident: $name:literal $(($label:literal))? $scope:ident $unit:ident $better:ident
        [$($fold:ident)*] $panel:ident $noise:literal $(definite $definite:ident)? $(is $kind:ident $(($beyond:literal))?)?
        $(gated $gate:ident $(($gated:ident))?)? $(still $floor:literal $budget:literal)?
        $(added $added:literal)?; )+) => {
        /// A thing that can be measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric { $( $(#[doc = $help])+ $variant, )+ }

        impl Metric {
            /// Every metric, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What is known about it.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self { $( Self::$variant => {
                    const SPEC: Spec = Spec {
                        name: $name,
                        label: given(&[$($label)?]),
                        unit: Unit::$unit,
                        better: Better::$better,
                        scope: Scope::$scope,
                        folds: &[$(Fold::$fold),*],
                        panel: Panel::$panel,
                        noise: $noise,
                        definite: match given(&[$(Definite::$definite)?]) {
                            Some(side) => side,
                            None => Definite::Never,
                        },
                        kind: match given(&[$(Kind::$kind $(($beyond))?)?]) {
                            Some(kind) => kind,
                            None => Kind::Other,
                        },
                        gate: match given(&[$(Gate::$gate)?]) {
                            Some(gate) => gate,
                            None => Gate::Never,
                        },
                        gated_fold: match given(&[$($(Fold::$gated)?)?]) {
                            Some(fold) => fold,
                            None => Fold::Final,
                        },
                        still: given(&[$(Still { floor: $floor, budget: $budget })?]),
                        added: given(&[$($added)?]),
                        help: concat!($($help),+).trim_ascii(),
                    };
                    &SPEC
                } )+ }
            }
        }
    };
}

pub(super) use metrics;
