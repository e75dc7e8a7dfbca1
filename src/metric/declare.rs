//! How an entry of the table becomes a [`Metric`](super::Metric) and its [`Spec`](super::Spec).

macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $variant:ident: $name:literal $scope:ident $unit:ident $better:ident
        [$($fold:ident)*] $panel:ident $noise:literal $($definite:ident)?; )+) => {
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
                        unit: Unit::$unit,
                        better: Better::$better,
                        scope: Scope::$scope,
                        folds: &[$(Fold::$fold),*],
                        panel: Panel::$panel,
                        noise: $noise,
                        definite: Definite::declared(&[$(Definite::$definite)?]),
                        help: concat!($($help),+).trim_ascii(),
                    };
                    &SPEC
                } )+ }
            }
        }
    };
}

pub(super) use metrics;
