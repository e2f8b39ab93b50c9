//! Faults that a test asks for: the next calls fail as the service fails, then all is well again.

use super::answer::Refusal;

/// The calls that the control plane knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    ListDistributions,
    GetDistribution,
    GetDistributionConfig,
    CreateInvalidation,
    GetInvalidation,
    ListInvalidations,
    DescribeKeyValueStore,
    GetKey,
    PutKey,
    DeleteKey,
    ListKeys,
    UpdateKeys,
}

impl Operation {
    /// The API's own name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListDistributions => "ListDistributions",
            Self::GetDistribution => "GetDistribution",
            Self::GetDistributionConfig => "GetDistributionConfig",
            Self::CreateInvalidation => "CreateInvalidation",
            Self::GetInvalidation => "GetInvalidation",
            Self::ListInvalidations => "ListInvalidations",
            Self::DescribeKeyValueStore => "DescribeKeyValueStore",
            Self::GetKey => "GetKey",
            Self::PutKey => "PutKey",
            Self::DeleteKey => "DeleteKey",
            Self::ListKeys => "ListKeys",
            Self::UpdateKeys => "UpdateKeys",
        }
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Throttling,
    TooManyRequests,
    AccessDenied,
    NoSuchDistribution,
    TooManyInvalidationsInProgress,
    ServiceUnavailable,
}

impl Fault {
    fn refusal(self) -> Refusal {
        match self {
            Self::Throttling => Refusal::new(400, "Throttling", "Rate exceeded"),
            Self::TooManyRequests => Refusal::new(429, "TooManyRequestsException", "Too many requests"),
            Self::AccessDenied => {
                Refusal::new(403, "AccessDenied", "User is not authorized to perform this action")
            }
            Self::NoSuchDistribution => {
                Refusal::new(404, "NoSuchDistribution", "The specified distribution does not exist.")
            }
            Self::TooManyInvalidationsInProgress => Refusal::new(
                400,
                "TooManyInvalidationsInProgress",
                "Processing your request will cause you to exceed the maximum number of in-progress wildcard invalidations.",
            ),
            Self::ServiceUnavailable => {
                Refusal::new(503, "ServiceUnavailable", "CloudFront is temporarily unavailable.")
            }
        }
    }
}

/// The faults still to come, in the order asked for.
#[derive(Debug, Default)]
pub(super) struct FaultScript {
    lines: Vec<(Option<Operation>, Fault, u32)>,
}

impl FaultScript {
    pub fn add(&mut self, operation: Option<Operation>, fault: Fault, times: u32) {
        if times > 0 {
            self.lines.push((operation, fault, times));
        }
    }

    /// The refusal that this call is to get, which is used up by that.
    pub fn take(&mut self, operation: Operation) -> Option<Refusal> {
        let wanted = |only: Option<Operation>| only.is_none_or(|only| only == operation);
        let index = self.lines.iter().position(|(only, ..)| wanted(*only))?;
        let (_, fault, times) = &mut self.lines[index];
        let refusal = fault.refusal();
        *times -= 1;
        if *times == 0 {
            self.lines.remove(index);
        }
        Some(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_its_operation_so_many_times() {
        let mut script = FaultScript::default();
        script.add(Some(Operation::CreateInvalidation), Fault::Throttling, 2);
        script.add(None, Fault::AccessDenied, 1);
        let mut code = |operation| script.take(operation).map(|refusal| refusal.code);
        assert_eq!(code(Operation::GetKey), Some("AccessDenied"));
        assert_eq!(code(Operation::GetKey), None);
        assert_eq!(code(Operation::CreateInvalidation), Some("Throttling"));
        assert_eq!(code(Operation::CreateInvalidation), Some("Throttling"));
        assert_eq!(code(Operation::CreateInvalidation), None);
    }
}
