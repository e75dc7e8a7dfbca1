//! How an entry of the table becomes a [`Metric`](super::Metric) and its [`Spec`](super::Spec).

// An entry: help as a doc comment, variant: "name" ("label") scope unit better [folds] panel noise definite side is kind;
// The label is the name with spaces unless given. `definite Above` or `Below`: no load and no noise excuses a number on
// that side of what is expected. `is`: what sort of number it is, where that decides how it is trusted and excused.
macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $variant:ident: $name:literal $(($label:literal))? $scope:ident $unit:ident $better:ident
        [$($fold:ident)*] $panel:ident $noise:literal $(definite $definite:ident)? $(is $kind:ident $(($beyond:literal))?)?; )+) => {
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
                        help: concat!($($help),+).trim_ascii(),
                    };
                    &SPEC
                } )+ }
            }
        }
    };
}

pub(super) use metrics;
