//! What must hold after an update came to grief in any way.

use crate::support::{App, Release, Site};

/// Version 2.0.0 of an application, and 3.0.0.
pub(crate) struct Sites {
    pub(crate) next: Site,
    last: Site,
}

impl Sites {
    pub(crate) fn new() -> Self {
        Self { next: Site::honest(Release::version("2.0.0")), last: Site::honest(Release::version("3.0.0")) }
    }

    /// The application is the complete old one or version 2.0.0, and the next updates work. Gives whether it is version
    /// 2.0.0. For an odd number, the next check finds the version that was begun, and nothing but that is left; else it
    /// finds another one, and nothing but a staged update is.
    pub(crate) async fn assert_recovers(&self, app: &App, number: usize, case: &str) -> bool {
        let updated = app.content() == self.next.release.artifact;
        assert!(updated || app.is_old(), "{case}: half an application of {} bytes", app.content().len());
        app.assert_mode(case);
        if number.is_multiple_of(2) {
            self.last.update(app).await;
            app.assert_only_staged_is_left(case).await;
        } else {
            app.updater(self.next.endpoint()).check().await.unwrap();
            app.assert_only_begun_is_left(case);
        }
        for site in [&self.next, &self.last].into_iter().skip(updated.into()) {
            let update = site.update(app).await;
            let outcome = update.download_and_install(Default::default(), Default::default()).await;
            outcome.unwrap_or_else(|error| panic!("{case}: the next update fails: {error}"));
            app.assert_is(&site.release.artifact);
        }
        app.assert_nothing_left();
        updated
    }
}
